metadata name = 'Sentinel table'
metadata description = 'The custom table of episodes, one row per episode state. Columns are only ever added.'

@description('Name of the workspace.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Days rows can be queried interactively.')
@minValue(4)
@maxValue(730)
param retentionDays int

var columns = loadJsonContent('../sentinel-columns.json')

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource table 'Microsoft.OperationalInsights/workspaces/tables@2025-02-01' = {
  parent: workspace
  name: 'ConfluenceMining_CL'
  properties: {
    plan: 'Analytics'
    retentionInDays: retentionDays
    totalRetentionInDays: retentionDays
    schema: {
      name: 'ConfluenceMining_CL'
      description: 'Episodes of Confluence data mining: one row per state of an episode.'
      columns: map(columns, column => {
        name: column.name
        // A table writes dateTime where a stream writes datetime.
        type: column.type == 'datetime' ? 'dateTime' : column.type
      })
    }
  }
}

@description('Name of the table.')
output tableName string = table.name
