import { roleIds } from 'role-ids.bicep'

metadata name = 'Logs ingestion'
metadata description = 'The endpoint and the rule through which the detector writes ConfluenceMining_CL.'

@description('Name of the data collection endpoint.')
@minLength(3)
@maxLength(44)
param endpointName string

@description('Name of the data collection rule.')
@minLength(3)
@maxLength(64)
param ruleName string

@description('Region of the workspace.')
param location string

@description('Tags of the resources.')
param tags object

@description('Workspace with the table.')
@minLength(1)
param workspaceId string

@description('Object id of the detector.')
@minLength(36)
@maxLength(36)
param principalId string

var stream = 'Custom-ConfluenceMining_CL'

resource endpoint 'Microsoft.Insights/dataCollectionEndpoints@2023-03-11' = {
  name: endpointName
  location: location
  tags: tags
  properties: {
    description: 'Episodes of the Confluence mining detector.'
    // Private ingestion needs an Azure Monitor Private Link Scope, which is a decision of the whole network.
    networkAcls: { publicNetworkAccess: 'Enabled' }
  }
}

resource rule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: ruleName
  location: location
  tags: tags
  properties: {
    description: 'Episodes of the Confluence mining detector into ConfluenceMining_CL.'
    dataCollectionEndpointId: endpoint.id
    streamDeclarations: {
      '${stream}': { columns: loadJsonContent('../sentinel-columns.json') }
    }
    destinations: {
      logAnalytics: [
        {
          name: 'workspace'
          workspaceResourceId: workspaceId
        }
      ]
    }
    dataFlows: [
      {
        streams: [stream]
        destinations: ['workspace']
        transformKql: 'source'
        outputStream: stream
      }
    ]
  }
}

resource writer 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(rule.id, principalId, roleIds.monitoringMetricsPublisher)
  scope: rule
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.monitoringMetricsPublisher
    )
  }
}

// Rows that are refused end in DCRLogErrors, where an alert looks.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'detector'
  scope: rule
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'LogErrors'
        enabled: true
      }
    ]
  }
}

@description('Address to write to.')
output endpoint string = endpoint.properties.logsIngestion.endpoint

@description('Immutable id of the rule.')
output ruleId string = rule.properties.immutableId

@description('Stream of the rule.')
output stream string = stream
