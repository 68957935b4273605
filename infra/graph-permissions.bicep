extension microsoftGraphV1

metadata name = 'Graph permissions'
metadata description = 'What the detector may do in Microsoft Graph, and the app registration of the evidence page. Deployed by somebody with Privileged Role Administrator, apart from everything else. infra/scripts/grant_graph.py does the same where the extension is blocked.'

@description('Name of the identity of the detector: output DETECTOR_IDENTITY_NAME.')
@minLength(3)
@maxLength(128)
param identityName string

@description('Graph application permissions, by name. SecurityIncident.ReadWrite.All is for tags, comments and looking up an incident whose creation had no answer.')
@minLength(1)
@maxLength(5)
param permissions string[] = ['SecurityAlert.Create.All', 'SecurityIncident.ReadWrite.All']

@description('Redirect address of the evidence page: output EVIDENCE_REDIRECT_URL. Empty registers nothing.')
@maxLength(256)
param evidenceRedirectUrl string = ''

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: '00000003-0000-0000-c000-000000000000'
}

resource grants 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for permission in permissions: {
    // By name: public lists disagree about the ids.
    appRoleId: filter(graph.appRoles, role => role.value == permission)[0].id
    principalId: identity.properties.principalId
    resourceId: graph.id
  }
]

resource evidenceApp 'Microsoft.Graph/applications@v1.0' = if (!empty(evidenceRedirectUrl)) {
  uniqueName: '${identityName}-evidence'
  displayName: 'Confluence mining evidence'
  signInAudience: 'AzureADMyOrg'
  web: {
    redirectUris: [evidenceRedirectUrl]
    implicitGrantSettings: { enableIdTokenIssuance: true }
  }

  // The identity of the app vouches for the registration: there is no secret to keep.
  resource trust 'federatedIdentityCredentials' = {
    name: '${evidenceApp.uniqueName}/detector'
    audiences: ['api://AzureADTokenExchange']
    issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
    subject: identity.properties.principalId
    description: 'The managed identity of the function app.'
  }
}

resource evidencePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = if (!empty(evidenceRedirectUrl)) {
  appId: evidenceApp!.appId
  // Nobody reads evidence until somebody is assigned.
  appRoleAssignmentRequired: true
}

@description('Client id of the evidence page: parameter evidenceAppClientId of the next deployment.')
output EVIDENCE_APP_CLIENT_ID string = empty(evidenceRedirectUrl) ? '' : evidenceApp!.appId
