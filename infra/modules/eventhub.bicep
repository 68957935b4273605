import { roleIds } from 'role-ids.bicep'

metadata name = 'Event Hub'
metadata description = 'A Standard namespace with the hub and the consumer group the detector reads.'

@description('Name of the namespace.')
@minLength(6)
@maxLength(50)
param name string

@description('Region.')
param location string

@description('Tags of the resources.')
param tags object

@description('Name of the hub.')
@minLength(1)
@maxLength(256)
param hubName string

@description('Consumer group of the detector.')
@minLength(1)
@maxLength(50)
param consumerGroup string

@description('Partitions of the hub.')
@minValue(1)
@maxValue(32)
param partitionCount int

@description('Hours messages are kept: the longest outage without loss.')
@minValue(24)
@maxValue(168)
param retentionHours int

@description('Upper bound of auto-inflate.')
@minValue(1)
@maxValue(40)
param maximumThroughputUnits int

@description('The producer is the Defender XDR streaming API. It is not known to work without SAS keys, so they stay on, and so does the public endpoint.')
param defenderStreaming bool

@description('Only private endpoints and trusted Microsoft services may connect.')
param isolated bool

@description('Object id of the detector.')
@minLength(36)
@maxLength(36)
param readerPrincipalId string

@description('Object id of a person or group that may send test events; empty for nobody.')
@maxLength(36)
param senderPrincipalId string

@description('What senderPrincipalId is.')
param senderPrincipalType 'User' | 'Group' | 'ServicePrincipal'

@description('Workspace for the logs of the namespace.')
@minLength(1)
param workspaceId string

@description('The hub cannot be deleted by accident.')
param deleteLock bool

var isOpen = !isolated || defenderStreaming

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'Standard'
    tier: 'Standard'
    capacity: 1
  }
  properties: {
    disableLocalAuth: !defenderStreaming
    isAutoInflateEnabled: maximumThroughputUnits > 1
    maximumThroughputUnits: maximumThroughputUnits > 1 ? maximumThroughputUnits : 0
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isOpen ? 'Enabled' : 'Disabled'
  }
}

resource networkRules 'Microsoft.EventHub/namespaces/networkRuleSets@2024-01-01' = {
  parent: namespace
  name: 'default'
  properties: {
    defaultAction: isolated ? 'Deny' : 'Allow'
    publicNetworkAccess: isOpen ? 'Enabled' : 'Disabled'
    trustedServiceAccessEnabled: true
  }
}

resource hub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = {
  parent: namespace
  name: hubName
  properties: {
    partitionCount: partitionCount
    retentionDescription: {
      cleanupPolicy: 'Delete'
      retentionTimeInHours: retentionHours
    }
  }
}

resource group 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01' = {
  parent: hub
  name: consumerGroup
  properties: {
    userMetadata: 'Confluence mining detector: one reader only.'
  }
}

resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, readerPrincipalId, roleIds.eventHubsDataReceiver)
  scope: hub
  properties: {
    principalId: readerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.eventHubsDataReceiver)
  }
}

resource sender 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(senderPrincipalId)) {
  name: guid(hub.id, senderPrincipalId, roleIds.eventHubsDataSender)
  scope: hub
  properties: {
    principalId: senderPrincipalId
    principalType: senderPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.eventHubsDataSender)
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'detector'
  scope: namespace
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (deleteLock) {
  name: 'detector-keep'
  scope: hub
  properties: {
    level: 'CanNotDelete'
    notes: 'Messages not yet read live only here.'
  }
}

@description('Resource id: paste it into the Defender streaming settings.')
output namespaceId string = namespace.id

@description('Host the clients connect to: EVENTHUB__fullyQualifiedNamespace.')
output host string = split(split(namespace.properties.serviceBusEndpoint, '//')[1], ':')[0]
