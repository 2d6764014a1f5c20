import * as ServiceModel from "./serviceModel/ServiceModel.ts"

// Every place is in ServiceModel.long.test.ts.
ServiceModel.suite("one")
