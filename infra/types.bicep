metadata name = 'Options of the deployment'
metadata description = 'Fine tuning, grouped by concern. Every property has a default, written in its description.'

@export()
@sealed()
@description('The Event Hub that carries CloudAppEvents.')
type hubOptions = {
  @description('Hub that is read (cloudappevents). In an existing namespace it must exist already.')
  @minLength(1)
  @maxLength(256)
  name: string?

  @description('Consumer group of the detector (detector). Nobody else may read with it.')
  @minLength(1)
  @maxLength(50)
  consumerGroup: string?

  @description('Partitions of a new hub (4). One instance reads one partition. It cannot be changed later on Standard.')
  @minValue(1)
  @maxValue(32)
  partitionCount: int?

  @description('Hours a new hub keeps messages (168): how long the detector may be down without loss.')
  @minValue(24)
  @maxValue(168)
  retentionHours: int?

  @description('Upper bound of auto-inflate in throughput units (4) of a new namespace.')
  @minValue(1)
  @maxValue(40)
  maximumThroughputUnits: int?
}

@export()
@sealed()
@description('Size and timing of the function app.')
type appOptions = {
  @description('Memory of one instance in MB (2048).')
  instanceMemoryMB: (512 | 2048 | 4096)?

  @description('Most instances at once (40). More than the partitions of the hub are never used by ingest.')
  @minValue(1)
  @maxValue(1000)
  maximumInstanceCount: int?

  @description('Instances of ingest that never scale to zero (0). One removes the cold start, and costs all month.')
  @minValue(0)
  @maxValue(20)
  alwaysReadyIngest: int?

  @description('Plan and state spread over availability zones (false). Only in regions that have them.')
  zoneRedundant: bool?

  @description('When users are judged: NCRONTAB, UTC (0 * * * * *).')
  @minLength(11)
  @maxLength(64)
  evaluateSchedule: string?

  @description('When old state is dropped: NCRONTAB, UTC (0 17 * * * *).')
  @minLength(11)
  @maxLength(64)
  housekeepSchedule: string?
}

@export()
@sealed()
@description('How incidents are created.')
type incidentOptions = {
  @description('Most incidents created in a minute (40): storm control.')
  @minValue(1)
  @maxValue(50)
  createsPerMinute: int?

  @description('Most incidents created in an hour (1200).')
  @minValue(1)
  @maxValue(1500)
  createsPerHour: int?

  @description('Graph version of createAlert (beta). Change it when Microsoft promotes the operation.')
  graphAlertsVersion: ('beta' | 'v1.0')?

  @description('Seconds one Graph request may take (20).')
  @minValue(1)
  @maxValue(60)
  graphTimeoutSeconds: int?

  @description('Microsoft Graph cloud (global).')
  cloud: ('global' | 'usgov' | 'usgovdod')?
}

@export()
@sealed()
@description('Where traffic may flow, when the network is isolated.')
type networkOptions = {
  @description('Address space of the new virtual network (10.60.0.0/24), at least a /25.')
  @minLength(9)
  @maxLength(18)
  addressPrefix: string?

  @description('Subnet for the app, delegated to Microsoft.App/environments. Empty creates a virtual network.')
  @maxLength(512)
  appSubnetId: string?

  @description('Subnet for the private endpoints. Give it together with appSubnetId.')
  @maxLength(512)
  endpointSubnetId: string?

  @description('Private DNS zones are created and linked (true). False where a hub network owns them.')
  createDnsZones: bool?

  @description('The app answers from the internet (true): health and, behind Entra, evidence. False adds a private endpoint.')
  appIsPublic: bool?
}

@export()
@sealed()
@description('Logs, alerts and their limits.')
type operationsOptions = {
  @description('Days logs are kept in a new workspace (90).')
  @minValue(30)
  @maxValue(730)
  logRetentionDays: int?

  @description('GB a day a new workspace accepts (5); -1 is no limit.')
  @minValue(-1)
  @maxValue(1000)
  dailyCapGb: int?

  @description('Minutes without an evaluation until an alert (20).')
  @minValue(5)
  @maxValue(30)
  silentMinutes: int?

  @description('Hours without a message until an alert (6). Raise it where nights or weekends are quiet.')
  @minValue(1)
  @maxValue(48)
  quietHours: int?

  @description('Seconds between an event and its ingestion until an alert (900).')
  @minValue(60)
  @maxValue(86400)
  lagSeconds: int?

  @description('Seconds an incident may wait to be sent until an alert (1800).')
  @minValue(60)
  @maxValue(86400)
  unsentSeconds: int?

  @description('Alert rules are created (true).')
  alerts: bool?
}
