import * as ServiceModel from "./serviceModel/ServiceModel.ts"

// Every change is in ServiceModel.long.test.ts.
ServiceModel.suite(10)
