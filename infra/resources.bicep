import { appOptions, hubOptions, incidentOptions, networkOptions, operationsOptions } from 'types.bicep'

metadata name = 'Confluence mining detector'
metadata description = 'Everything inside one resource group. Owners of a group deploy this file; main.bicep makes the group as well.'

@description('Name of the environment, such as prod. Part of every resource name.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Region of the resources.')
param location string = resourceGroup().location

@description('Tags of every resource.')
param tags object = {}

@description('Python version of the function app.')
param pythonVersion '3.11' | '3.12' | '3.13' = '3.12'

@description('Who creates incidents: defender (Microsoft Graph), sentinel (a table and a scheduled rule), or none, which only watches.')
param sink 'defender' | 'sentinel' | 'none' = 'none'

@description('Detection policy: recommended, source (exactly the published query), or a file of the package.')
@minLength(1)
@maxLength(128)
param policy string = 'recommended'

@description('Laid over the policy: thresholds and terms change without a new package.')
param policyOverrides object = {}

@description('Namespace that already receives CloudAppEvents; empty creates one.')
@maxLength(512)
param existingEventHubNamespaceId string = ''

@description('The producer is the Defender XDR streaming API, which is not known to work without SAS keys. False switches them off; the detector itself never uses them.')
param defenderStreaming bool = true

@description('Log Analytics workspace to use, for instance that of Sentinel; empty creates one.')
@maxLength(512)
param existingWorkspaceId string = ''

@description('Sentinel is switched on in the workspace, when the sink is sentinel.')
param onboardSentinel bool = empty(existingWorkspaceId)

@description('Virtual network, private endpoints, and no public access to state, host account and hub.')
param networkIsolation bool = false

@description('Mail addresses for operational alerts.')
@maxLength(20)
param alertEmails string[] = []

@description('Monthly budget of the resource group in the currency of the subscription; 0 is none.')
@minValue(0)
@maxValue(1000000)
param monthlyBudget int = 0

@description('Client id of the app registration for the evidence page; empty leaves the page off.')
@maxLength(36)
param evidenceAppClientId string = ''

@description('Entra groups that may read evidence; empty leaves it to the assignments of the enterprise application.')
@maxLength(20)
param evidenceReaderGroupIds string[] = []

@description('Object id of the person or group that mutes, inspects and runs the smoke test; empty for nobody.')
@maxLength(36)
param operatorPrincipalId string = ''

@description('What operatorPrincipalId is.')
param operatorPrincipalType 'User' | 'Group' | 'ServicePrincipal' = 'Group'

@description('Raw bodies of records that could not be read are kept for 30 days, searches in them unmasked.')
param keepDeadLetterBodies bool = false

@description('State and hub cannot be deleted by accident.')
param deleteLock bool = false

@description('Fine tuning of the Event Hub.')
param hub hubOptions = {}

@description('Fine tuning of the function app.')
param app appOptions = {}

@description('Fine tuning of incident creation.')
param incidents incidentOptions = {}

@description('Fine tuning of the isolated network.')
param network networkOptions = {}

@description('Fine tuning of logs and alerts.')
param operations operationsOptions = {}

@description('First day of the budget; the month of the deployment.')
@minLength(10)
@maxLength(10)
param budgetStart string = utcNow('yyyy-MM-01')

var token = take(uniqueString(resourceGroup().id, environmentName), 8)
var suffix = '${take(toLower(environmentName), 10)}-${token}'
// 32 characters at most: the host id is cut there.
var appName = 'func-cfm-${suffix}'
var hubName = hub.?name ?? 'cloudappevents'
var consumerGroup = hub.?consumerGroup ?? 'detector'
var writesRows = sink == 'sentinel'
var zoneRedundant = app.?zoneRedundant ?? false
var appIsPublic = !networkIsolation || (network.?appIsPublic ?? true)
var tables = ['deadletters', 'episodes', 'evidence', 'marks', 'meta', 'mutes', 'windows']

var workspaceIsNew = empty(existingWorkspaceId)
var workspaceParts = split(existingWorkspaceId, '/')
var workspaceSubscription = workspaceIsNew ? subscription().subscriptionId : workspaceParts[2]
var workspaceGroup = workspaceIsNew ? resourceGroup().name : workspaceParts[4]
var workspaceName = workspaceIsNew ? 'log-cfmining-${suffix}' : last(workspaceParts)

var namespaceIsNew = empty(existingEventHubNamespaceId)
var namespaceParts = split(existingEventHubNamespaceId, '/')
var namespaceName = namespaceIsNew ? 'evhns-cfmining-${suffix}' : last(namespaceParts)
var namespaceId = namespaceIsNew
  ? resourceId('Microsoft.EventHub/namespaces', namespaceName)
  : existingEventHubNamespaceId
var namespaceIsNear = namespaceIsNew || namespaceParts[2] == subscription().subscriptionId
var hostAccountName = 'stcfhost${token}'
var stateAccountName = 'stcfstate${token}'
var hostAccountId = resourceId('Microsoft.Storage/storageAccounts', hostAccountName)
var stateAccountId = resourceId('Microsoft.Storage/storageAccounts', stateAccountName)

// The names are those of docs/adr/0002-names.md; a test holds them together.
var settings = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.outputs.clientId};Authorization=AAD'
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
  AZURE_CLIENT_ID: identity.outputs.clientId
  AzureWebJobsStorage__blobServiceUri: hostStorage.outputs.blobEndpoint
  AzureWebJobsStorage__clientId: identity.outputs.clientId
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__tableServiceUri: hostStorage.outputs.tableEndpoint
  DETECTOR_CLOUD: incidents.?cloud ?? 'global'
  DETECTOR_CREATES_PER_HOUR: string(incidents.?createsPerHour ?? 1200)
  DETECTOR_CREATES_PER_MINUTE: string(incidents.?createsPerMinute ?? 40)
  DETECTOR_DEAD_LETTER_BODIES: keepDeadLetterBodies ? '${stateStorage.outputs.blobEndpoint}dead-letters' : ''
  DETECTOR_GRAPH_ALERTS_VERSION: incidents.?graphAlertsVersion ?? 'beta'
  DETECTOR_GRAPH_TIMEOUT_SECONDS: string(incidents.?graphTimeoutSeconds ?? 20)
  DETECTOR_POLICY: policy
  DETECTOR_POLICY_OVERRIDES: string(policyOverrides)
  DETECTOR_SINK: sink
  DETECTOR_STATE: stateStorage.outputs.tableEndpoint
  DETECTOR_STORE: 'azure'
  DETECTOR_TENANT_ID: tenant().tenantId
  EVALUATE_SCHEDULE: app.?evaluateSchedule ?? '0 * * * * *'
  EVENTHUB__clientId: identity.outputs.clientId
  EVENTHUB__credential: 'managedidentity'
  EVENTHUB__fullyQualifiedNamespace: namespaceIsNew ? newHub!.outputs.host : existingHub!.outputs.host
  EVENTHUB_CONSUMER_GROUP: consumerGroup
  EVENTHUB_NAME: hubName
  HOUSEKEEP_SCHEDULE: app.?housekeepSchedule ?? '0 17 * * * *'
}
var rowSettings = writesRows
  ? {
      DETECTOR_LOGS_ENDPOINT: logsIngestion!.outputs.endpoint
      DETECTOR_LOGS_RULE_ID: logsIngestion!.outputs.ruleId
      DETECTOR_LOGS_STREAM: logsIngestion!.outputs.stream
    }
  : {}
var evidenceSettings = empty(evidenceAppClientId)
  ? {}
  : {
      DETECTOR_EVIDENCE_URL: 'https://${appName}.azurewebsites.net/api/evidence'
      OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identity.outputs.clientId
    }

module identity 'modules/identity.bicep' = {
  params: {
    name: 'id-cfmining-${suffix}'
    location: location
    tags: tags
  }
}

module workspace 'modules/workspace.bicep' = if (workspaceIsNew) {
  params: {
    name: workspaceName
    location: location
    tags: tags
    retentionDays: operations.?logRetentionDays ?? 90
    dailyCapGb: operations.?dailyCapGb ?? 5
  }
}

module workspaceFacts 'modules/workspace-facts.bicep' = {
  scope: resourceGroup(workspaceSubscription, workspaceGroup)
  params: { name: workspaceName }
  dependsOn: [workspace]
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    name: 'appi-cfmining-${suffix}'
    location: location
    tags: tags
    workspaceId: workspaceFacts.outputs.id
  }
}

module newHub 'modules/eventhub.bicep' = if (namespaceIsNew) {
  params: {
    name: namespaceName
    location: location
    tags: tags
    hubName: hubName
    consumerGroup: consumerGroup
    partitionCount: hub.?partitionCount ?? 4
    retentionHours: hub.?retentionHours ?? 168
    maximumThroughputUnits: hub.?maximumThroughputUnits ?? 4
    defenderStreaming: defenderStreaming
    isolated: networkIsolation
    readerPrincipalId: identity.outputs.principalId
    senderPrincipalId: operatorPrincipalId
    senderPrincipalType: operatorPrincipalType
    workspaceId: workspaceFacts.outputs.id
    deleteLock: deleteLock
  }
}

module existingHub 'modules/eventhub-existing.bicep' = if (!namespaceIsNew) {
  scope: resourceGroup(
    namespaceIsNew ? subscription().subscriptionId : namespaceParts[2],
    namespaceIsNew ? resourceGroup().name : namespaceParts[4]
  )
  params: {
    name: namespaceName
    hubName: hubName
    consumerGroup: consumerGroup
    readerPrincipalId: identity.outputs.principalId
    senderPrincipalId: operatorPrincipalId
    senderPrincipalType: operatorPrincipalType
  }
}

module hostStorage 'modules/storage.bicep' = {
  params: {
    name: hostAccountName
    location: location
    tags: tags
    containers: ['packages']
    tables: []
    expiringContainer: ''
    expireAfterDays: 30
    zoneRedundant: zoneRedundant
    isolated: networkIsolation
    workspaceId: workspaceFacts.outputs.id
    deleteLock: deleteLock
  }
}

module stateStorage 'modules/storage.bicep' = {
  params: {
    name: stateAccountName
    location: location
    tags: tags
    containers: ['dead-letters']
    tables: tables
    expiringContainer: 'dead-letters'
    expireAfterDays: 30
    zoneRedundant: zoneRedundant
    isolated: networkIsolation
    workspaceId: workspaceFacts.outputs.id
    deleteLock: deleteLock
  }
}

module roles 'modules/roles.bicep' = {
  params: {
    principalId: identity.outputs.principalId
    hostAccountName: hostStorage.outputs.name
    stateAccountName: stateStorage.outputs.name
    componentName: monitoring.outputs.name
    operatorPrincipalId: operatorPrincipalId
    operatorPrincipalType: operatorPrincipalType
    keepsBodies: keepDeadLetterBodies
  }
}

module sentinelTable 'modules/sentinel-table.bicep' = if (writesRows) {
  scope: resourceGroup(workspaceSubscription, workspaceGroup)
  params: {
    workspaceName: workspaceName
    retentionDays: operations.?logRetentionDays ?? 90
  }
  dependsOn: [workspace]
}

module logsIngestion 'modules/logs-ingestion.bicep' = if (writesRows) {
  params: {
    endpointName: 'dce-cfmining-${suffix}'
    ruleName: 'dcr-cfmining-${suffix}'
    location: workspaceFacts.outputs.location
    tags: tags
    workspaceId: workspaceFacts.outputs.id
    principalId: identity.outputs.principalId
  }
  dependsOn: [sentinelTable]
}

module sentinel 'modules/sentinel.bicep' = if (writesRows) {
  scope: resourceGroup(workspaceSubscription, workspaceGroup)
  params: {
    workspaceName: workspaceName
    onboard: onboardSentinel
  }
  dependsOn: [sentinelTable]
}

module isolation 'modules/network.bicep' = if (networkIsolation) {
  params: {
    suffix: suffix
    location: location
    tags: tags
    addressPrefix: network.?addressPrefix ?? '10.60.0.0/24'
    existingAppSubnetId: network.?appSubnetId ?? ''
    existingEndpointSubnetId: network.?endpointSubnetId ?? ''
    createDnsZones: network.?createDnsZones ?? true
    services: [
      { name: 'host-blob', group: 'blob', id: hostAccountId }
      { name: 'host-table', group: 'table', id: hostAccountId }
      { name: 'state-blob', group: 'blob', id: stateAccountId }
      { name: 'state-table', group: 'table', id: stateAccountId }
      { name: 'hub', group: 'namespace', id: namespaceId }
    ]
  }
  dependsOn: [hostStorage, newHub, stateStorage]
}

module functionApp 'modules/function-app.bicep' = {
  params: {
    name: appName
    planName: 'plan-cfmining-${suffix}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    packageContainerUrl: '${hostStorage.outputs.blobEndpoint}packages'
    pythonVersion: pythonVersion
    instanceMemoryMB: app.?instanceMemoryMB ?? 2048
    maximumInstanceCount: app.?maximumInstanceCount ?? 40
    alwaysReadyIngest: app.?alwaysReadyIngest ?? 0
    zoneRedundant: zoneRedundant
    subnetId: networkIsolation ? isolation!.outputs.appSubnetId : ''
    isPublic: appIsPublic
    settings: union(settings, rowSettings, evidenceSettings)
  }
  // Without roles and private names the host cannot start.
  dependsOn: [isolation, roles]
}

module appEndpoint 'modules/private-endpoint.bicep' = if (!appIsPublic) {
  params: {
    name: 'app-${suffix}'
    location: location
    tags: tags
    subnetId: isolation!.outputs.endpointSubnetId
    serviceId: functionApp.outputs.id
    groupId: 'sites'
    zoneName: isolation!.outputs.appZoneName
  }
}

module signIn 'modules/easy-auth.bicep' = if (!empty(evidenceAppClientId)) {
  params: {
    appName: functionApp.outputs.name
    clientId: evidenceAppClientId
    readerGroupIds: evidenceReaderGroupIds
  }
}

module alerts 'modules/alerts.bicep' = if (operations.?alerts ?? true) {
  params: {
    prefix: 'cfmining-${suffix}'
    location: workspaceFacts.outputs.location
    tags: tags
    appName: appName
    workspaceId: workspaceFacts.outputs.id
    namespaceId: namespaceIsNear ? namespaceId : ''
    sasIsOn: defenderStreaming || !namespaceIsNew
    writesRows: writesRows
    emails: alertEmails
    silentMinutes: operations.?silentMinutes ?? 20
    quietHours: operations.?quietHours ?? 6
    lagSeconds: operations.?lagSeconds ?? 900
    unsentSeconds: operations.?unsentSeconds ?? 1800
  }
  dependsOn: [existingHub, newHub]
}

module budget 'modules/budget.bicep' = if (monthlyBudget > 0 && (operations.?alerts ?? true)) {
  params: {
    name: 'budget-cfmining-${suffix}'
    amount: monthlyBudget
    startDate: budgetStart
    actionGroupId: alerts!.outputs.actionGroupId
  }
}

module workbook 'modules/workbook.bicep' = {
  params: {
    location: location
    tags: tags
    workspaceId: workspaceFacts.outputs.id
    appName: appName
  }
}

@description('Name of the function app: publish the package to it.')
output AZURE_FUNCTION_NAME string = functionApp.outputs.name

@description('Resource group of the function app.')
output AZURE_RESOURCE_GROUP string = resourceGroup().name

@description('Health page; GET it.')
output HEALTH_URL string = 'https://${functionApp.outputs.host}/api/health'

@description('Evidence pages; empty until an app registration is given.')
output EVIDENCE_URL string = empty(evidenceAppClientId) ? '' : 'https://${functionApp.outputs.host}/api/evidence'

@description('Redirect address of the app registration for the evidence page.')
output EVIDENCE_REDIRECT_URL string = 'https://${functionApp.outputs.host}/.auth/login/aad/callback'

@description('Paste this into the streaming settings of Microsoft Defender XDR.')
output EVENTHUB_NAMESPACE_ID string = namespaceId

@description('Host of the namespace.')
output EVENTHUB_NAMESPACE_HOST string = namespaceIsNew ? newHub!.outputs.host : existingHub!.outputs.host

@description('Hub that is read; the name to choose in the streaming settings.')
output EVENTHUB_NAME string = hubName

@description('Consumer group of the detector.')
output EVENTHUB_CONSUMER_GROUP string = consumerGroup

@description('State account as the detector and its command line know it.')
output DETECTOR_STATE string = stateStorage.outputs.tableEndpoint

@description('Who creates incidents.')
output DETECTOR_SINK string = sink

@description('Name of the identity: what Graph permissions are granted to.')
output DETECTOR_IDENTITY_NAME string = 'id-cfmining-${suffix}'

@description('Object id of the identity.')
output DETECTOR_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('Workspace with the logs.')
output WORKSPACE_ID string = workspaceFacts.outputs.id

@description('Workspace id as the query API knows it.')
output WORKSPACE_CUSTOMER_ID string = workspaceFacts.outputs.customerId

@description('Workbook.')
output WORKBOOK_ID string = workbook.outputs.id

@description('Scheduled rule of Sentinel; empty with another sink.')
output SENTINEL_RULE_ID string = writesRows ? sentinel!.outputs.ruleId : ''
