import * as DirectRequests from "./samples/DirectRequests.ts"

// Thousands of them are in DirectRequests.long.test.ts.
DirectRequests.suite(250)
