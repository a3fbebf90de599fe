// Generated from the CRDs by make generate; do not edit.
/**
 * Where data is, how to log in, and what of it is sensitive. Written by the owner of the data.
 */
export interface Database {
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
     * The database server.
     */
    engine: 'PostgreSQL' | 'MySQL' | 'MariaDB'
    /**
     * Name or IP address of the server, as applications in the cluster know it.
     */
    host: string
    /**
     * Port of the server.
     */
    port?: number
    /**
     * Where the sidecar listens on 127.0.0.1; unique in the namespace. 15900 to 15999 are kept for the sidecar itself.
     */
    localPort: number
    /**
     * Names a client may ask for at login; the first is the default.
     *
     * Items: Name of a database.
     */
    databases: string[]
    /**
     * How the connection to the server is protected.
     */
    tls?: {
      /**
       * Disable: not at all. Require: encrypted, whoever answers. VerifyCA: the certificate must be signed by a known authority. VerifyFull: and name the host.
       */
      mode?: 'Disable' | 'Require' | 'VerifyCA' | 'VerifyFull'
      /**
       * Secret with the authorities to trust, PEM; absent: those of the system.
       */
      caSecretRef?: {
        /**
         * Its name.
         */
        name: string
        /**
         * Key in the Secret.
         */
        key?: string
      }
    }
    /**
     * How the sidecar logs in. Exactly one way.
     */
    credentials: {
      /**
       * One login for all grants.
       */
      static?: {
        /**
         * Secret with the keys username and password, in the same namespace.
         */
        secretRef: {
          /**
           * Its name.
           */
          name: string
        }
      }
      /**
       * A role for each grant. Not supported by this version: leave it out.
       */
      ephemeral?: {
        [k: string]: unknown
      }
    }
    /**
     * Classification of columns. Grants may only tighten it.
     *
     * Items: Columns of one class.
     */
    sensitive?: {
      /**
       * schema.table.column, as the server spells it.
       *
       * Items: schema.table.column
       */
      columns: string[]
      /**
       * What they are, for people and policies, for example PII.
       */
      class?: string
      /**
       * How they arrive. Redact: ***. Null: NULL. Hash: keyed, equal values stay equal. Partial: the last four characters. Deny: they may appear nowhere.
       */
      mask: 'Redact' | 'Null' | 'Hash' | 'Partial' | 'Deny'
    }[]
    /**
     * Namespaces whose grants may name this Database.
     */
    grantableTo?: {
      /**
       * Same: its own. All: every one. Selector: those the selector matches.
       */
      from?: 'Same' | 'All' | 'Selector'
      /**
       * Which namespaces, with from: Selector.
       */
      namespaceSelector?: {
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
     * What the audit log must hold.
     */
    audit?: {
      /**
       * What must hold before a statement is forwarded. Process: its record outlives the process. Disk: it is on disk. Collector: the collector has acknowledged it.
       */
      durability?: 'Process' | 'Disk' | 'Collector'
      /**
       * Literals of statements in the log.
       */
      literals?: 'Redacted' | 'Encrypted'
    }
    /**
     * Ceilings and floors for every grant on it.
     */
    limits?: {
      /**
       * The longest a grant may last. A duration such as 30m or 1h30m.
       */
      maxGrantDuration?: string
      /**
       * Approvals a grant needs.
       */
      requiredApprovals?: number
    }
    /**
     * Who may approve that masks are lifted. Not supported by this version: leave it out.
     */
    unmaskApprovers?: {
      [k: string]: unknown
    }
  }
  /**
   * What was found.
   */
  status?: {
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
