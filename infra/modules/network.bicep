metadata name = 'Network'
metadata description = 'The virtual network, new or brought along, with the DNS zones of its private endpoints.'

@description('Suffix of the names of the resources.')
@minLength(3)
@maxLength(40)
param suffix string

@description('Region.')
param location string

@description('Tags of the resources.')
param tags object

@description('Address space of a new virtual network; the lower half is for the app, the upper for endpoints.')
@minLength(9)
@maxLength(18)
param addressPrefix string

@description('Existing subnet for the app; empty creates a virtual network.')
@maxLength(512)
param existingAppSubnetId string

@description('Existing subnet for the endpoints; given together with the other one.')
@maxLength(512)
param existingEndpointSubnetId string

@description('Private DNS zones are created and linked; not where a hub network owns them.')
param createDnsZones bool

@description('What gets a private endpoint.')
@maxLength(10)
param services service[]

@sealed()
@description('A service behind a private endpoint.')
type service = {
  @description('Short name.')
  name: string

  @description('Sub-resource of the service.')
  group: 'blob' | 'namespace' | 'table'

  @description('Resource id.')
  id: string
}

var zoneNames = {
  blob: 'privatelink.blob.${environment().suffixes.storage}'
  namespace: 'privatelink.servicebus.windows.net'
  sites: 'privatelink.azurewebsites.net'
  table: 'privatelink.table.${environment().suffixes.storage}'
}
var ownZones = createDnsZones ? map(items(zoneNames), zone => zone.value) : []
var isNew = empty(existingAppSubnetId)
var parsed = parseCidr(addressPrefix)
var endpointSubnetId = isNew ? network::endpointSubnet.id : existingEndpointSubnetId
var linkedNetworkId = isNew ? network.id : split(existingEndpointSubnetId, '/subnets/')[0]

resource network 'Microsoft.Network/virtualNetworks@2025-01-01' = if (isNew) {
  name: 'vnet-${suffix}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, parsed.cidr + 1, 0)
          networkSecurityGroup: { id: appRules.id }
          delegations: [
            {
              name: 'functions'
              properties: { serviceName: 'Microsoft.App/environments' }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, parsed.cidr + 1, 1)
          privateEndpointNetworkPolicies: 'Enabled'
          networkSecurityGroup: { id: endpointRules.id }
        }
      }
    ]
  }

  resource appSubnet 'subnets' existing = {
    name: 'app'
  }

  resource endpointSubnet 'subnets' existing = {
    name: 'endpoints'
  }
}

resource appRules 'Microsoft.Network/networkSecurityGroups@2025-01-01' = if (isNew) {
  name: 'nsg-app-${suffix}'
  location: location
  tags: tags
  properties: { securityRules: [] }
}

// Endpoints are spoken to by the app alone, over HTTPS and AMQP.
resource endpointRules 'Microsoft.Network/networkSecurityGroups@2025-01-01' = if (isNew) {
  name: 'nsg-endpoints-${suffix}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'app-to-endpoints'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: cidrSubnet(addressPrefix, parsed.cidr + 1, 0)
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRanges: ['443', '5671', '5672']
        }
      }
      {
        name: 'nobody-else'
        properties: {
          priority: 4096
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zone in ownZones: {
    name: zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, index) in ownZones: {
    parent: zones[index]
    name: 'detector'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: linkedNetworkId }
    }
  }
]

module endpoints 'private-endpoint.bicep' = [
  for item in services: {
    params: {
      name: '${item.name}-${suffix}'
      location: location
      tags: tags
      subnetId: endpointSubnetId
      serviceId: item.id
      groupId: item.group
      zoneName: createDnsZones ? zoneNames[item.group] : ''
    }
    dependsOn: [network, zones]
  }
]

@description('Subnet of the app.')
output appSubnetId string = isNew ? network::appSubnet.id : existingAppSubnetId

@description('Subnet of the private endpoints.')
output endpointSubnetId string = endpointSubnetId

@description('Zone for an endpoint of the app; empty where the zones are not ours.')
output appZoneName string = createDnsZones ? zoneNames.sites : ''
