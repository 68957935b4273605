metadata name = 'Sign-in'
metadata description = 'Entra sign-in before the app. Only the health page is exempt. No secret: the identity of the app vouches for the registration.'

@description('Name of the function app.')
@minLength(2)
@maxLength(32)
param appName string

@description('Client id of the app registration (graph-permissions.bicep or grant_graph.py creates it).')
@minLength(36)
@maxLength(36)
param clientId string

@description('Groups that may read evidence. Empty leaves it to the assignments of the enterprise application.')
@maxLength(20)
param readerGroupIds string[]

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: appName
}

resource signIn 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
      redirectToProvider: 'azureactivedirectory'
      excludedPaths: ['/api/health']
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: clientId
          // Name of the setting that holds the client id of the managed identity, in place of a secret.
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [clientId]
          defaultAuthorizationPolicy: {
            allowedApplications: [clientId]
            allowedPrincipals: empty(readerGroupIds) ? {} : { groups: readerGroupIds }
          }
        }
      }
    }
    login: {
      tokenStore: { enabled: false }
    }
  }
}
