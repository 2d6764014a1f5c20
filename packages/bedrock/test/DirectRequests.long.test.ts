import * as DirectRequests from "./samples/DirectRequests.ts"

DirectRequests.suite(2500)
