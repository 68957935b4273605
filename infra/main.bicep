targetScope = 'subscription'

import { appOptions, hubOptions, incidentOptions, networkOptions, operationsOptions } from 'types.bicep'

metadata name = 'Confluence mining detector'
metadata description = 'The resource group and everything in it. The parameters are those of resources.bicep; a test keeps them the same.'

@description('Name of the environment, such as prod. Part of every resource name.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Region of the group and its resources.')
param location string = deployment().location

@description('Resource group that is created.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-cfmining-${environmentName}'

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

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: resourceGroupName
  location: location
  tags: union(tags, { 'azd-env-name': environmentName })
}

module resources 'resources.bicep' = {
  scope: group
  params: {
    environmentName: environmentName
    location: location
    tags: tags
    pythonVersion: pythonVersion
    sink: sink
    policy: policy
    policyOverrides: policyOverrides
    existingEventHubNamespaceId: existingEventHubNamespaceId
    defenderStreaming: defenderStreaming
    existingWorkspaceId: existingWorkspaceId
    onboardSentinel: onboardSentinel
    networkIsolation: networkIsolation
    alertEmails: alertEmails
    monthlyBudget: monthlyBudget
    evidenceAppClientId: evidenceAppClientId
    evidenceReaderGroupIds: evidenceReaderGroupIds
    operatorPrincipalId: operatorPrincipalId
    operatorPrincipalType: operatorPrincipalType
    keepDeadLetterBodies: keepDeadLetterBodies
    deleteLock: deleteLock
    hub: hub
    app: app
    incidents: incidents
    network: network
    operations: operations
    budgetStart: budgetStart
  }
}

@description('Name of the function app: publish the package to it.')
output AZURE_FUNCTION_NAME string = resources.outputs.AZURE_FUNCTION_NAME

@description('Resource group of the function app.')
output AZURE_RESOURCE_GROUP string = resources.outputs.AZURE_RESOURCE_GROUP

@description('Health page; GET it.')
output HEALTH_URL string = resources.outputs.HEALTH_URL

@description('Evidence pages; empty until an app registration is given.')
output EVIDENCE_URL string = resources.outputs.EVIDENCE_URL

@description('Redirect address of the app registration for the evidence page.')
output EVIDENCE_REDIRECT_URL string = resources.outputs.EVIDENCE_REDIRECT_URL

@description('Paste this into the streaming settings of Microsoft Defender XDR.')
output EVENTHUB_NAMESPACE_ID string = resources.outputs.EVENTHUB_NAMESPACE_ID

@description('Host of the namespace.')
output EVENTHUB_NAMESPACE_HOST string = resources.outputs.EVENTHUB_NAMESPACE_HOST

@description('Hub that is read; the name to choose in the streaming settings.')
output EVENTHUB_NAME string = resources.outputs.EVENTHUB_NAME

@description('Consumer group of the detector.')
output EVENTHUB_CONSUMER_GROUP string = resources.outputs.EVENTHUB_CONSUMER_GROUP

@description('State account as the detector and its command line know it.')
output DETECTOR_STATE string = resources.outputs.DETECTOR_STATE

@description('Who creates incidents.')
output DETECTOR_SINK string = resources.outputs.DETECTOR_SINK

@description('Name of the identity: what Graph permissions are granted to.')
output DETECTOR_IDENTITY_NAME string = resources.outputs.DETECTOR_IDENTITY_NAME

@description('Object id of the identity.')
output DETECTOR_IDENTITY_PRINCIPAL_ID string = resources.outputs.DETECTOR_IDENTITY_PRINCIPAL_ID

@description('Workspace with the logs.')
output WORKSPACE_ID string = resources.outputs.WORKSPACE_ID

@description('Workspace id as the query API knows it.')
output WORKSPACE_CUSTOMER_ID string = resources.outputs.WORKSPACE_CUSTOMER_ID

@description('Workbook.')
output WORKBOOK_ID string = resources.outputs.WORKBOOK_ID

@description('Scheduled rule of Sentinel; empty with another sink.')
output SENTINEL_RULE_ID string = resources.outputs.SENTINEL_RULE_ID
