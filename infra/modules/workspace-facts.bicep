metadata name = 'Facts of a workspace'
metadata description = 'Reads a workspace, new or brought along, in whatever group it lives.'

@description('Name of the workspace.')
@minLength(4)
@maxLength(63)
param name string

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: name
}

@description('Resource id.')
output id string = workspace.id

@description('Region: rules that read or fill the workspace must live there too.')
output location string = workspace.location

@description('Workspace id as the query API knows it.')
output customerId string = workspace.properties.customerId
