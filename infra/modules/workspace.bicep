metadata name = 'Log Analytics workspace'
metadata description = 'A workspace of the detector, for tenants that do not bring their own.'

@description('Name of the workspace.')
@minLength(4)
@maxLength(63)
param name string

@description('Region.')
param location string

@description('Tags of the resource.')
param tags object

@description('Days logs are kept.')
@minValue(30)
@maxValue(730)
param retentionDays int

@description('GB a day that are accepted; -1 is no limit. An alert fires when the cap stops the logs.')
@minValue(-1)
@maxValue(1000)
param dailyCapGb int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    workspaceCapping: { dailyQuotaGb: dailyCapGb }
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}
