import { roleIds } from 'role-ids.bicep'

metadata name = 'Roles'
metadata description = 'What the detector may do with the resources of its own group. The role on the hub is given beside the hub.'

@description('Object id of the detector.')
@minLength(36)
@maxLength(36)
param principalId string

@description('Account of the Functions host.')
@minLength(3)
@maxLength(24)
param hostAccountName string

@description('Account of the state.')
@minLength(3)
@maxLength(24)
param stateAccountName string

@description('Application Insights component.')
@minLength(1)
param componentName string

@description('Object id of the people who mute, inspect and run the smoke test; empty for nobody.')
@maxLength(36)
param operatorPrincipalId string

@description('What operatorPrincipalId is.')
param operatorPrincipalType 'User' | 'Group' | 'ServicePrincipal'

@description('Raw bodies of dead letters are kept; without it nobody gets a role on the blobs of the state.')
param keepsBodies bool

resource hostAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: hostAccountName
}

resource stateAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: stateAccountName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

// Package, host locks and Event Hub checkpoints; the host wants Owner, not Contributor.
resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, principalId, roleIds.storageBlobDataOwner)
  scope: hostAccount
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.storageBlobDataOwner)
  }
}

// Diagnostic events of the host itself.
resource hostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, principalId, roleIds.storageTableDataContributor)
  scope: hostAccount
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.storageTableDataContributor
    )
  }
}

resource stateTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(stateAccount.id, principalId, roleIds.storageTableDataContributor)
  scope: stateAccount
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.storageTableDataContributor
    )
  }
}

// Bodies of dead letters.
resource stateBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (keepsBodies) {
  name: guid(stateAccount.id, principalId, roleIds.storageBlobDataContributor)
  scope: stateAccount
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.storageBlobDataContributor
    )
  }
}

resource telemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(component.id, principalId, roleIds.monitoringMetricsPublisher)
  scope: component
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.monitoringMetricsPublisher
    )
  }
}

resource operatorTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  name: guid(stateAccount.id, operatorPrincipalId, roleIds.storageTableDataContributor)
  scope: stateAccount
  properties: {
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.storageTableDataContributor
    )
  }
}

// To show and to replay them.
resource operatorBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (keepsBodies && !empty(operatorPrincipalId)) {
  name: guid(stateAccount.id, operatorPrincipalId, roleIds.storageBlobDataContributor)
  scope: stateAccount
  properties: {
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roleIds.storageBlobDataContributor
    )
  }
}
