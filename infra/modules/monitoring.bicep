metadata name = 'Monitoring'
metadata description = 'Application Insights in a workspace, which is created unless one is given.'

@description('Name of the Application Insights component.')
@minLength(1)
@maxLength(255)
param name string

@description('Region of the component.')
param location string

@description('Tags of the resources.')
param tags object

@description('Workspace that stores the logs.')
@minLength(1)
param workspaceId string

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspaceId
    // Telemetry is accepted from identities that hold Monitoring Metrics Publisher, not by key.
    DisableLocalAuth: true
  }
}

@description('Resource id of the component.')
output id string = component.id

@description('Name of the component.')
output name string = component.name

@description('Address and instrumentation key; the key alone opens nothing, as local authentication is off.')
output connectionString string = component.properties.ConnectionString
