metadata name = 'Sentinel content'
metadata description = 'The scheduled rule that turns episodes into incidents, and the source query as a hunting query.'

@description('Name of the workspace.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Sentinel is switched on in the workspace. Not needed where it is on already.')
param onboard bool

var rule = loadJsonContent('../sentinel/rule.json')
var hunting = loadJsonContent('../sentinel/hunting.json')

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource onboarding 'Microsoft.SecurityInsights/onboardingStates@2025-09-01' = if (onboard) {
  scope: workspace
  name: 'default'
  properties: {}
}

resource scheduledRule 'Microsoft.SecurityInsights/alertRules@2025-09-01' = {
  scope: workspace
  name: guid(workspace.id, rule.id)
  kind: 'Scheduled'
  properties: {
    displayName: rule.displayName
    description: rule.description
    enabled: true
    severity: rule.severity
    query: loadTextContent('../queries/incident.kql')
    queryFrequency: rule.queryFrequency
    queryPeriod: rule.queryPeriod
    triggerOperator: 'GreaterThan'
    triggerThreshold: 0
    suppressionEnabled: false
    suppressionDuration: rule.suppressionDuration
    tactics: rule.tactics
    // The stable API takes techniques only; T1213.001 itself is in the custom details.
    techniques: rule.techniques
    eventGroupingSettings: { aggregationKind: 'AlertPerResult' }
    entityMappings: rule.entityMappings
    customDetails: rule.customDetails
    alertDetailsOverride: rule.alertDetailsOverride
    incidentConfiguration: {
      createIncident: true
      groupingConfiguration: rule.groupingConfiguration
    }
  }
  dependsOn: [onboarding]
}

resource huntingQuery 'Microsoft.OperationalInsights/workspaces/savedSearches@2025-02-01' = {
  parent: workspace
  name: guid(workspace.id, hunting.id)
  properties: {
    category: 'Hunting Queries'
    displayName: hunting.displayName
    query: loadTextContent('../queries/hunting.kql')
    version: 2
    tags: [
      {
        name: 'description'
        value: take(hunting.description, 256)
      }
      {
        name: 'tactics'
        value: join(hunting.tactics, ',')
      }
      {
        name: 'techniques'
        value: join(hunting.techniques, ',')
      }
    ]
  }
}

@description('Resource id of the scheduled rule.')
output ruleId string = scheduledRule.id
