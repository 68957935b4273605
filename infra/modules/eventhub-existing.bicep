import { roleIds } from 'role-ids.bicep'

metadata name = 'Existing Event Hub'
metadata description = 'A consumer group and the reader role in a hub that is already there. Nothing else of it is touched.'

@description('Name of the namespace. Basic namespaces have no consumer groups of their own and cannot be used.')
@minLength(6)
@maxLength(50)
param name string

@description('Name of the hub.')
@minLength(1)
@maxLength(256)
param hubName string

@description('Consumer group that is created for the detector.')
@minLength(1)
@maxLength(50)
param consumerGroup string

@description('Object id of the detector.')
@minLength(36)
@maxLength(36)
param readerPrincipalId string

@description('Object id of a person or group that may send test events; empty for nobody.')
@maxLength(36)
param senderPrincipalId string

@description('What senderPrincipalId is.')
param senderPrincipalType 'User' | 'Group' | 'ServicePrincipal'

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' existing = {
  name: name

  resource hub 'eventhubs' existing = {
    name: hubName
  }
}

resource group 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01' = {
  parent: namespace::hub
  name: consumerGroup
  properties: {
    userMetadata: 'Confluence mining detector: one reader only.'
  }
}

resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(namespace::hub.id, readerPrincipalId, roleIds.eventHubsDataReceiver)
  scope: namespace::hub
  properties: {
    principalId: readerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.eventHubsDataReceiver)
  }
}

resource sender 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(senderPrincipalId)) {
  name: guid(namespace::hub.id, senderPrincipalId, roleIds.eventHubsDataSender)
  scope: namespace::hub
  properties: {
    principalId: senderPrincipalId
    principalType: senderPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.eventHubsDataSender)
  }
}

@description('Resource id of the namespace.')
output namespaceId string = namespace.id

@description('Host the clients connect to: EVENTHUB__fullyQualifiedNamespace.')
output host string = split(split(namespace.properties.serviceBusEndpoint, '//')[1], ':')[0]
