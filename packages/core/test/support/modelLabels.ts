/**
 * Begins each test file with no names of models known: test files share a process, and some name thousands.
 */
import * as ModelLabels from "../../src/internal/modelLabels.ts"

ModelLabels.known.clear()
