import * as ServiceModel from "./serviceModel/ServiceModel.ts"

ServiceModel.suite("every")
