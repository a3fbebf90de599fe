// Generated from the CRDs by make generate; do not edit.
/**
 * Rego that judges every statement under grants of its namespace.
 */
export interface AccessPolicy {
  /**
   * Group and version, sallyport.dev/v1alpha1.
   */
  apiVersion?: string
  /**
   * Kind of the object.
   */
  kind?: string
  metadata?: {
    [k: string]: unknown
  }
  /**
   * What is wanted.
   */
  spec: {
    /**
     * Enforce: judges. DryRun: judges and is recorded, without effect. Disabled: does not judge.
     */
    mode?: 'Enforce' | 'DryRun' | 'Disabled'
    /**
     * One Rego module, package policy, with any of the partial sets deny, mask and limit. docs/policies.md says what they see.
     */
    rego: string
  }
  /**
   * What was found.
   */
  status?: {
    /**
     * The compiled module in force.
     */
    digest?: string
    /**
     * What holds now.
     *
     * Items: One condition.
     */
    conditions?: {
      /**
       * CamelCase name of the condition.
       */
      type: string
      /**
       * Whether it holds.
       */
      status: 'True' | 'False' | 'Unknown'
      /**
       * Why, one CamelCase word.
       */
      reason: string
      /**
       * Why, for people.
       */
      message: string
      /**
       * When status last changed.
       */
      lastTransitionTime: string
      /**
       * The generation of the spec this was said of.
       */
      observedGeneration?: number
    }[]
  }
}
