using 'main.bicep'

// az deployment sub create -n confluence-mining -l westeurope -f infra/main.bicep -p infra/main.bicepparam
// Values come from the environment, so that a pipeline needs no file of its own; the rest has defaults in main.bicep.

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'prod')

// Watch first. Grant the Graph permissions (infra/scripts/grant_graph.py), then set defender; or choose sentinel.
param sink = readEnvironmentVariable('DETECTOR_SINK', 'none')

param existingWorkspaceId = readEnvironmentVariable('EXISTING_WORKSPACE_ID', '')
param existingEventHubNamespaceId = readEnvironmentVariable('EXISTING_EVENTHUB_NAMESPACE_ID', '')
param evidenceAppClientId = readEnvironmentVariable('EVIDENCE_APP_CLIENT_ID', '')
param operatorPrincipalId = readEnvironmentVariable('OPERATOR_PRINCIPAL_ID', '')
param operatorPrincipalType = readEnvironmentVariable('OPERATOR_PRINCIPAL_TYPE', 'Group')

// Tuning needs no new package: change, deploy, done. Keys are those of detector/policies/recommended.json.
param policyOverrides = {}

param alertEmails = []
param monthlyBudget = 0
param deleteLock = false
param networkIsolation = false
