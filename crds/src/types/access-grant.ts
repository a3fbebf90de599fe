// Generated from the CRDs by make generate; do not edit.
/**
 * Who may do what, on which database, until when, and why. Deleting it revokes it.
 */
export interface AccessGrant {
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
   * What is granted. It cannot be changed: delete the grant and create another.
   */
  spec: {
    /**
     * Pods that may use it.
     */
    subject: {
      /**
       * ServiceAccount of the pods, in the same namespace.
       */
      serviceAccountName: string
      /**
       * Further narrows which pods.
       */
      podSelector?: {
        /**
         * Labels that must be there with these values.
         */
        matchLabels?: {
          /**
           * Value of the label.
           */
          [k: string]: string
        }
        /**
         * Requirements, all of which must hold.
         *
         * Items: One requirement.
         */
        matchExpressions?: {
          /**
           * The label.
           */
          key: string
          /**
           * How it is compared.
           */
          operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
          /**
           * What it is compared to.
           *
           * Items: Value of the label.
           */
          values?: string[]
        }[]
      }
    }
    /**
     * The Database.
     */
    databaseRef: {
      /**
       * Its name.
       */
      name: string
      /**
       * Its namespace; absent: that of the grant.
       */
      namespace?: string
    }
    /**
     * Why access is needed; it is part of the audit log.
     */
    reason: string
    /**
     * How long access lasts from activation. A duration such as 30m or 1h30m.
     */
    duration?: string
    /**
     * Access does not begin before this time.
     */
    notBefore?: string
    /**
     * Access ends at this time at the latest.
     */
    notAfter?: string
    /**
     * Ends the grant after a number of statements. Not supported by this version: leave it out.
     */
    endsAfter?: {
      [k: string]: unknown
    }
    /**
     * What is allowed; everything else is denied.
     *
     * Items: One permission.
     */
    permissions: {
      /**
       * What may be done.
       *
       * Items: Operation.
       */
      operations: (
        | 'Select'
        | 'Insert'
        | 'Update'
        | 'Delete'
        | 'Merge'
        | 'Truncate'
        | 'CopyIn'
        | 'CopyOut'
        | 'Create'
        | 'Alter'
        | 'Drop'
        | 'Lock'
        | 'Call'
      )[]
      /**
       * schema.table, or schema.* for every relation of a schema.
       *
       * Items: schema.table or schema.*
       */
      relations: string[]
      /**
       * Columns that may be read or written; absent: every column.
       *
       * Items: Name of a column.
       */
      columns?: string[]
      /**
       * More rows than this in a transaction, and the statement never happened.
       */
      maxAffectedRows?: number
      /**
       * Holds statements for a person. Not supported by this version: leave it out.
       */
      review?: string
      /**
       * Rows above which statements are held. Not supported by this version: leave it out.
       */
      reviewAboveRows?: number
    }[]
    /**
     * Functions that may be called beyond the reviewed built-in ones.
     *
     * Items: schema.name
     */
    functions?: string[]
    /**
     * What of the system catalog may be read. None: nothing. Introspect: what tools ask about schemas. Dump: what pg_dump needs.
     */
    catalog?: 'None' | 'Introspect' | 'Dump'
    /**
     * What one statement, transaction or connection may take.
     */
    limits?: {
      /**
       * Rows of one result; then an error.
       */
      rowsPerStatement?: number
      /**
       * Bytes of one result; then an error. A quantity such as 10Mi.
       */
      bytesPerStatement?: number | string
      /**
       * Statements that run longer are cancelled. A duration such as 30m or 1h30m.
       */
      statementTimeout?: string
      /**
       * Transactions that idle longer are ended. A duration such as 30m or 1h30m.
       */
      idleInTransaction?: string
      /**
       * Connections of one pod at a time.
       */
      connections?: number
      /**
       * Rows all writes of one transaction may affect; absent: maxAffectedRows of the permission.
       */
      affectedRowsPerTransaction?: number
      /**
       * Rows over the life of the grant. Not supported by this version: leave it out.
       */
      rowsTotal?: number
      /**
       * Masked values over the life of the grant. Not supported by this version: leave it out.
       */
      sensitiveValuesTotal?: number
      /**
       * Statements in a minute. Not supported by this version: leave it out.
       */
      statementsPerMinute?: number
      /**
       * Affected rows over the life of the grant. Not supported by this version: leave it out.
       */
      affectedRowsTotal?: number
    }
    /**
     * AccessPolicies that must exist for the grant to be active. All policies of the namespace judge anyway.
     *
     * Items: An AccessPolicy of the namespace.
     */
    policyRefs?: {
      /**
       * Its name.
       */
      name: string
    }[]
    /**
     * Approvals the grant waits for.
     */
    approval?: {
      /**
       * How many.
       */
      required?: number
    }
    /**
     * Columns whose masks are lifted. Not supported by this version: leave it out.
     *
     * Items: schema.table.column
     */
    unmask?: string[]
    /**
     * Ends the grant when it is not used. Not supported by this version: leave it out.
     */
    revokeIfUnusedFor?: string
    /**
     * How long the ended object is kept. Recorded only: this version deletes no grants. A duration such as 30m or 1h30m.
     */
    retainFor?: string
  }
  /**
   * Where the grant stands.
   */
  status?: {
    /**
     * An end is irreversible.
     */
    state?: 'Pending' | 'Active' | 'Expired' | 'Revoked' | 'Denied'
    /**
     * When access began; resolved once.
     */
    activatedAt?: string
    /**
     * When access ends; resolved once.
     */
    expiresAt?: string
    /**
     * When access ended.
     */
    endedAt?: string
    /**
     * Why it ended, one CamelCase word.
     */
    endReason?: string
    /**
     * The compiled policies that judge it.
     */
    policyDigest?: string
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
