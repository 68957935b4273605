metadata name = 'Budget'
metadata description = 'A monthly budget of the resource group that writes to the people who run the detector.'

@description('Name of the budget.')
@minLength(1)
@maxLength(63)
param name string

@description('Money a month, in the currency of the subscription.')
@minValue(1)
@maxValue(1000000)
param amount int

@description('First day of the month the budget starts in, as yyyy-MM-dd.')
@minLength(10)
@maxLength(10)
param startDate string

@description('Who is told.')
@minLength(1)
param actionGroupId string

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = {
  name: name
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: { startDate: startDate }
    notifications: {
      spent80: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: []
        contactGroups: [actionGroupId]
      }
      forecast100: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: []
        contactGroups: [actionGroupId]
      }
    }
  }
}
