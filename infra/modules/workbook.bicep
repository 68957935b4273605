metadata name = 'Workbook'
metadata description = 'Episodes, users, distances to the thresholds, ingest health and blind spots, from logs alone.'

@description('Region.')
param location string

@description('Tags of the resource.')
param tags object

@description('Workspace the workbook reads.')
@minLength(1)
param workspaceId string

@description('Function app whose log lines are shown.')
@minLength(2)
@maxLength(32)
param appName string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, appName, 'confluence-mining')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Confluence mining detector (${appName})'
    category: 'workbook'
    version: 'Notebook/1.0'
    sourceId: workspaceId
    serializedData: replace(
      replace(loadTextContent('../workbooks/confluence-mining.json'), '__app__', appName),
      '__workspace__',
      workspaceId
    )
  }
}

@description('Resource id.')
output id string = workbook.id
