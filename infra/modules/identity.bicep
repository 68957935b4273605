metadata name = 'Identity'
metadata description = 'The one identity the detector acts as.'

@description('Name of the user-assigned identity.')
@minLength(3)
@maxLength(128)
param name string

@description('Region.')
param location string

@description('Tags of the resource.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id.')
output id string = identity.id

@description('Application (client) id: AZURE_CLIENT_ID.')
output clientId string = identity.properties.clientId

@description('Object id: what roles and Graph permissions are given to.')
output principalId string = identity.properties.principalId
