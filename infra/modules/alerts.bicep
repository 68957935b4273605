metadata name = 'Operational alerts'
metadata description = 'Tells people when the detector itself is in trouble. A log alert fires when its query returns a row.'

@description('Prefix of the names of the rules.')
@minLength(1)
@maxLength(60)
param prefix string

@description('Region of the workspace.')
param location string

@description('Tags of the resources.')
param tags object

@description('Function app the log lines come from: its AppRoleName.')
@minLength(2)
@maxLength(32)
param appName string

@description('Workspace that holds the log lines.')
@minLength(1)
param workspaceId string

@description('Namespace of the hub; empty when it is in another subscription, where these alerts cannot look.')
@maxLength(512)
param namespaceId string

@description('SAS keys of the namespace are valid.')
param sasIsOn bool

@description('Episodes are written to Log Analytics.')
param writesRows bool

@description('Addresses that get a mail.')
@maxLength(20)
param emails string[]

@description('Minutes without an evaluation.')
@minValue(5)
@maxValue(30)
param silentMinutes int

@description('Hours without a message.')
@minValue(1)
@maxValue(48)
param quietHours int

@description('Seconds between the hub and the counters.')
@minValue(60)
@maxValue(86400)
param lagSeconds int

@description('Seconds an incident may wait.')
@minValue(60)
@maxValue(86400)
param unsentSeconds int

var always = [
  {
    name: 'no-evaluation', title: 'Nobody is judged'
    query: loadTextContent('../queries/alert-no-evaluation.kql')
    limit: silentMinutes, severity: 1, every: 'PT5M', window: 'PT30M'
  }
  {
    name: 'no-input', title: 'No messages are read'
    query: loadTextContent('../queries/alert-no-input.kql')
    limit: quietHours, severity: 1, every: 'PT30M', window: quietHours > 6 ? 'P2D' : 'PT6H'
  }
  {
    name: 'dead-letters', title: 'Records could not be read'
    query: loadTextContent('../queries/alert-dead-letters.kql')
    limit: 0, severity: 3, every: 'PT15M', window: 'PT1H'
  }
  {
    name: 'lag', title: 'Counters are behind the hub'
    query: loadTextContent('../queries/alert-lag.kql')
    limit: lagSeconds, severity: 2, every: 'PT5M', window: 'PT15M'
  }
  {
    name: 'gaps', title: 'Messages were lost before they were read'
    query: loadTextContent('../queries/alert-gaps.kql')
    limit: 0, severity: 1, every: 'PT15M', window: 'PT1H'
  }
  {
    name: 'unsent', title: 'An incident waits to be created'
    query: loadTextContent('../queries/alert-unsent.kql')
    limit: unsentSeconds, severity: 1, every: 'PT5M', window: 'PT15M'
  }
  {
    name: 'send-failures', title: 'Incidents could not be created'
    query: loadTextContent('../queries/alert-send-failures.kql')
    limit: 0, severity: 1, every: 'PT15M', window: 'PT30M'
  }
  {
    name: 'throttled', title: 'Incidents are held back'
    query: loadTextContent('../queries/alert-throttled.kql')
    limit: 0, severity: 2, every: 'PT15M', window: 'PT1H'
  }
  {
    name: 'no-housekeeping', title: 'Old state is not dropped'
    query: loadTextContent('../queries/alert-no-housekeeping.kql')
    limit: 4, severity: 3, every: 'PT1H', window: 'PT6H'
  }
  {
    name: 'newer-rows', title: 'The package is older than the state'
    query: loadTextContent('../queries/alert-newer-rows.kql')
    limit: 0, severity: 1, every: 'PT1H', window: 'PT3H'
  }
  {
    name: 'failed-invocations', title: 'Functions fail'
    query: loadTextContent('../queries/alert-failed-invocations.kql')
    limit: 5, severity: 2, every: 'PT15M', window: 'PT30M'
  }
  {
    name: 'daily-cap', title: 'Logs have reached their daily cap'
    query: loadTextContent('../queries/alert-daily-cap.kql')
    limit: 0, severity: 1, every: 'PT1H', window: 'PT6H'
  }
]
var whenRowsAreWritten = [
  {
    name: 'rejected-rows', title: 'Rows of episodes were refused'
    query: loadTextContent('../queries/alert-rejected-rows.kql')
    limit: 0, severity: 1, every: 'PT15M', window: 'PT1H'
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${prefix}-people'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'cfmining'
    enabled: true
    emailReceivers: [
      for email in emails: {
        name: email
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in concat(always, writesRows ? whenRowsAreWritten : []): {
    name: '${prefix}-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Confluence mining detector: ${alert.title}'
      description: 'See docs/alerts.md, ${alert.name}.'
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: alert.every
      windowSize: alert.window
      autoMitigate: true
      // A table that no row was ever written to does not exist yet.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: replace(replace(alert.query, '{app}', appName), '{limit}', string(alert.limit))
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: { actionGroups: [people.id] }
    }
  }
]

resource hubThrottled 'Microsoft.Insights/metricAlerts@2018-03-01' = if (!empty(namespaceId)) {
  name: '${prefix}-hub-throttled'
  location: 'global'
  tags: tags
  properties: {
    description: 'The namespace refuses requests: raise its throughput units. See docs/alerts.md.'
    severity: 2
    enabled: true
    scopes: [namespaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'throttled'
          metricNamespace: 'Microsoft.EventHub/namespaces'
          metricName: 'ThrottledRequests'
          operator: 'GreaterThan'
          threshold: 0
          timeAggregation: 'Total'
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}

// Who uses a SAS key is only logged on Premium namespaces; who fetches or changes one is always in the activity log.
resource sasKeys 'Microsoft.Insights/activityLogAlerts@2020-10-01' = if (sasIsOn && !empty(namespaceId)) {
  name: '${prefix}-sas-keys'
  location: 'global'
  tags: tags
  properties: {
    description: 'Somebody read or changed a SAS key of the namespace. Expected once, when the Defender stream is connected. See docs/alerts.md.'
    enabled: true
    scopes: [namespaceId]
    condition: {
      allOf: [
        {
          field: 'category'
          equals: 'Administrative'
        }
        {
          anyOf: [
            {
              field: 'operationName'
              equals: 'Microsoft.EventHub/namespaces/authorizationRules/listkeys/action'
            }
            {
              field: 'operationName'
              equals: 'Microsoft.EventHub/namespaces/authorizationRules/write'
            }
            {
              field: 'operationName'
              equals: 'Microsoft.EventHub/namespaces/eventhubs/authorizationRules/listkeys/action'
            }
            {
              field: 'operationName'
              equals: 'Microsoft.EventHub/namespaces/eventhubs/authorizationRules/write'
            }
          ]
        }
      ]
    }
    actions: { actionGroups: [{ actionGroupId: people.id }] }
  }
}

@description('Action group the alerts and the budget write to.')
output actionGroupId string = people.id
