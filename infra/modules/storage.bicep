metadata name = 'Storage account'
metadata description = 'An account without keys, with its containers and tables. Used twice: for the Functions host and for the state.'

@description('Name of the account.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags of the resources.')
param tags object

@description('Blob containers.')
@maxLength(10)
param containers string[]

@description('Tables that exist from the start.')
@maxLength(20)
param tables string[]

@description('Container whose blobs are deleted after expireAfterDays; empty for none.')
@maxLength(63)
param expiringContainer string

@description('Days until blobs of expiringContainer are deleted.')
@minValue(1)
@maxValue(365)
param expireAfterDays int

@description('Copies in several availability zones.')
param zoneRedundant bool

@description('Only private endpoints may connect.')
param isolated bool

@description('Workspace for the logs of the account.')
@minLength(1)
param workspaceId string

@description('The account cannot be deleted by accident.')
param deleteLock bool

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isolated ? 'Deny' : 'Allow'
    }
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
    supportsHttpsTrafficOnly: true
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [
  for container in containers: {
    parent: blobs
    name: container
    properties: { publicAccess: 'None' }
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource accountTables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' = [
  for table in tables: {
    parent: tableService
    name: table
  }
]

resource expiry 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = if (!empty(expiringContainer)) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'expire-${expiringContainer}'
          type: 'Lifecycle'
          definition: {
            actions: {
              baseBlob: {
                delete: { daysAfterModificationGreaterThan: expireAfterDays }
              }
            }
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['${expiringContainer}/']
            }
          }
        }
      ]
    }
  }
  dependsOn: [blobContainers]
}

resource tableLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(tables)) {
  name: 'detector'
  scope: tableService
  properties: {
    workspaceId: workspaceId
    // Who deletes state is worth a record; every read and write would cost more than the detector.
    logs: [
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (deleteLock) {
  name: 'detector-keep'
  scope: account
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds the counters, the episodes and the checkpoints of the Confluence mining detector.'
  }
}

@description('Resource id.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Blob endpoint, ending in a slash.')
output blobEndpoint string = account.properties.primaryEndpoints.blob

@description('Table endpoint, ending in a slash.')
output tableEndpoint string = account.properties.primaryEndpoints.table
