metadata name = 'Private endpoint'
metadata description = 'One service reached over a private address.'

@description('Name of the endpoint.')
@minLength(1)
@maxLength(64)
param name string

@description('Region.')
param location string

@description('Tags of the resource.')
param tags object

@description('Subnet of the endpoint.')
@minLength(1)
param subnetId string

@description('Resource id of the service.')
@minLength(1)
param serviceId string

@description('Sub-resource of the service, such as blob or namespace.')
@minLength(1)
@maxLength(32)
param groupId string

@description('Private DNS zone in this group that gets the address; empty where a policy writes the record.')
@maxLength(253)
param zoneName string

resource endpoint 'Microsoft.Network/privateEndpoints@2025-01-01' = {
  name: 'pe-${name}'
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    customNetworkInterfaceName: 'nic-${name}'
    privateLinkServiceConnections: [
      {
        name: name
        properties: {
          privateLinkServiceId: serviceId
          groupIds: [groupId]
        }
      }
    ]
  }
}

resource record 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-01-01' = if (!empty(zoneName)) {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: replace(zoneName, '.', '-')
        properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zoneName) }
      }
    ]
  }
}
