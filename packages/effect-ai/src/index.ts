/** Language and embedding models of effect/ai from the services of @strata/core, and the services from the models. */
export {}
