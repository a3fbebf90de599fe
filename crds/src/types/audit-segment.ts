// Generated from the CRDs by make generate; do not edit.
/**
 * A sealed, hash-chained run of audit records. Written by the collector, never changed.
 */
export interface AuditSegment {
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
   * The run.
   */
  spec: {
    /**
     * The chain of segments it belongs to.
     */
    stream: string
    /**
     * Its place in the chain, from 1.
     */
    seq: number
    /**
     * sha256 of the segment before; zeros in the first of a stream.
     */
    prevSegmentHash: string
    /**
     * sha256 of the body before compression.
     */
    bodySha256: string
    /**
     * Records.
     */
    count: number
    /**
     * Statements allowed.
     */
    allowed: number
    /**
     * Statements denied.
     */
    denied: number
    /**
     * Time of the first record.
     */
    firstTime: string
    /**
     * Time of the last record.
     */
    lastTime: string
    /**
     * The chains of records in it.
     *
     * Items: A run of one source.
     */
    sources: {
      /**
       * Which chain: <pod UID>/<boot id>.
       */
      source: string
      /**
       * Namespace of the pod.
       */
      namespace: string
      /**
       * Name of the pod.
       */
      pod: string
      /**
       * First record.
       */
      fromSeq: number
      /**
       * Last record.
       */
      toSeq: number
      /**
       * prev of the first record; zeros where the chain begins.
       */
      prevHash: string
      /**
       * hash of the last record.
       */
      lastHash: string
    }[]
    /**
     * How the body is packed.
     */
    encoding: 'Gzip'
    /**
     * The records: lines of JSON, gzipped, base64.
     */
    body: string
  }
}
