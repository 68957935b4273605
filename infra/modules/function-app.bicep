metadata name = 'Function app'
metadata description = 'A Flex Consumption plan and the app on it. Its settings are the only way the detector is configured.'

@description('Name of the app: 32 characters at most, because the host id is cut there.')
@minLength(2)
@maxLength(32)
param name string

@description('Name of the plan.')
@minLength(1)
@maxLength(60)
param planName string

@description('Region.')
param location string

@description('Tags of the resources.')
param tags object

@description('Resource id of the identity the app acts as.')
@minLength(1)
param identityId string

@description('Container URL for the package of the app.')
@minLength(1)
param packageContainerUrl string

@description('Python version.')
param pythonVersion '3.11' | '3.12' | '3.13'

@description('Memory of one instance in MB.')
param instanceMemoryMB 512 | 2048 | 4096

@description('Most instances at once.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int

@description('Instances of ingest that never scale to zero.')
@minValue(0)
@maxValue(20)
param alwaysReadyIngest int

@description('The plan spreads over availability zones.')
param zoneRedundant bool

@description('Subnet for outgoing traffic, delegated to Microsoft.App/environments; empty for none.')
@maxLength(512)
param subnetId string

@description('The app answers from the internet.')
param isPublic bool

@description('Every app setting.')
param settings object

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'detector' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: isPublic ? 'Enabled' : 'Disabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyIngest == 0
          ? []
          : [
              {
                name: 'function:ingest'
                instanceCount: alwaysReadyIngest
              }
            ]
      }
    }
    siteConfig: { minTlsVersion: '1.2' }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: settings
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

@description('Resource id.')
output id string = app.id

@description('Name of the app.')
output name string = app.name

@description('Host name of the app.')
output host string = app.properties.defaultHostName
