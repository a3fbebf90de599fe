// Generated from the CRDs by make generate; do not edit.
import type { CustomResourceDigest } from './custom-resources.ts'
import type { ManifestSchema } from './manifest-schema.ts'

export const manifestSchemas: Readonly<Record<string, ManifestSchema>> = {
  AccessGrant: {
    type: 'object',
    additionalProperties: false,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object', additionalProperties: true },
      spec: {
        type: 'object',
        additionalProperties: false,
        required: ['subject', 'databaseRef', 'reason', 'permissions'],
        properties: {
          subject: {
            type: 'object',
            additionalProperties: false,
            required: ['serviceAccountName'],
            properties: {
              serviceAccountName: {
                type: 'string',
                minLength: 1,
                maxLength: 253,
                'x-rules': [
                  {
                    rule: "self.matches(r'^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
                    message: 'must be the name of an object: lower case letters, digits, - and .',
                  },
                ],
              },
              podSelector: {
                type: 'object',
                additionalProperties: false,
                properties: {
                  matchLabels: {
                    type: 'object',
                    additionalProperties: { type: 'string', maxLength: 63 },
                    maxProperties: 16,
                  },
                  matchExpressions: {
                    type: 'array',
                    maxItems: 16,
                    items: {
                      type: 'object',
                      additionalProperties: false,
                      required: ['key', 'operator'],
                      properties: {
                        key: { type: 'string', minLength: 1, maxLength: 317 },
                        operator: { type: 'string', enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] },
                        values: { type: 'array', maxItems: 32, items: { type: 'string', maxLength: 63 } },
                      },
                      'x-rules': [
                        {
                          rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                          message: 'In and NotIn need values; Exists and DoesNotExist take none',
                        },
                      ],
                    },
                  },
                },
              },
            },
          },
          databaseRef: {
            type: 'object',
            additionalProperties: false,
            required: ['name'],
            properties: {
              name: {
                type: 'string',
                minLength: 1,
                maxLength: 253,
                'x-rules': [
                  {
                    rule: "self.matches(r'^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
                    message: 'must be the name of an object: lower case letters, digits, - and .',
                  },
                ],
              },
              namespace: {
                type: 'string',
                minLength: 1,
                maxLength: 63,
                'x-rules': [
                  {
                    rule: "self.matches(r'^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
                    message: 'must be the name of a namespace: lower case letters, digits and -',
                  },
                ],
              },
            },
          },
          reason: {
            type: 'string',
            minLength: 1,
            maxLength: 1024,
            'x-rules': [
              { rule: "self.matches(r'\\S')", message: 'must say why access is needed, for example a ticket' },
            ],
          },
          duration: {
            type: 'string',
            minLength: 1,
            maxLength: 32,
            'x-rules': [
              {
                rule: "self.matches(r'^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) > duration('0s') && duration(self) <= duration('720h')",
                message: 'must be a duration above 0 and at most 720h, for example 30m',
              },
            ],
          },
          notBefore: { type: 'string', format: 'date-time' },
          notAfter: { type: 'string', format: 'date-time' },
          endsAfter: {
            type: 'object',
            additionalProperties: true,
            maxProperties: 16,
            'x-rules': [{ rule: 'false', message: 'not supported by this version; leave it out' }],
          },
          permissions: {
            type: 'array',
            minItems: 1,
            maxItems: 64,
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['operations', 'relations'],
              properties: {
                operations: {
                  type: 'array',
                  minItems: 1,
                  maxItems: 13,
                  items: {
                    type: 'string',
                    enum: [
                      'Select',
                      'Insert',
                      'Update',
                      'Delete',
                      'Merge',
                      'Truncate',
                      'CopyIn',
                      'CopyOut',
                      'Create',
                      'Alter',
                      'Drop',
                      'Lock',
                      'Call',
                    ],
                  },
                  uniqueItems: true,
                },
                relations: {
                  type: 'array',
                  minItems: 1,
                  maxItems: 128,
                  items: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 130,
                    'x-rules': [
                      {
                        rule: "self.matches(r'^[^.\\s*][^.*]*\\.([^.*]+|\\*)$')",
                        message: 'must be schema.table or schema.*, for example public.orders',
                      },
                    ],
                  },
                  uniqueItems: true,
                },
                columns: {
                  type: 'array',
                  minItems: 1,
                  maxItems: 256,
                  items: { type: 'string', minLength: 1, maxLength: 63 },
                  uniqueItems: true,
                },
                maxAffectedRows: { type: 'integer', minimum: 0, maximum: 1000000000 },
                review: {
                  type: 'string',
                  maxLength: 64,
                  'x-rules': [{ rule: 'false', message: 'not supported by this version; leave it out' }],
                },
                reviewAboveRows: {
                  type: 'integer',
                  minimum: 0,
                  maximum: 9007199254740991,
                  'x-rules': [{ rule: 'false', message: 'not supported by this version; leave it out' }],
                },
              },
              'x-rules': [
                {
                  rule: "!has(self.maxAffectedRows) || self.operations.exists(o, o in ['Insert', 'Update', 'Delete', 'Merge', 'CopyIn'])",
                  message:
                    'maxAffectedRows needs an operation that writes rows (Insert, Update, Delete, Merge or CopyIn)',
                },
              ],
            },
          },
          functions: {
            type: 'array',
            maxItems: 128,
            items: {
              type: 'string',
              minLength: 1,
              maxLength: 130,
              'x-rules': [
                {
                  rule: "self.matches(r'^[^.]+\\.[^.]+$')",
                  message: 'must be schema.name, for example public.refund_total',
                },
              ],
            },
            uniqueItems: true,
          },
          catalog: { type: 'string', enum: ['None', 'Introspect', 'Dump'] },
          limits: {
            type: 'object',
            additionalProperties: false,
            properties: {
              rowsPerStatement: { type: 'integer', minimum: 1, maximum: 1000000000 },
              bytesPerStatement: {
                type: ['integer', 'string'],
                maxLength: 32,
                'x-rules': [
                  {
                    rule: "type(self) == int ? int(self) > 0 : isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))",
                    message: 'must be a quantity above 0, for example 10Mi',
                  },
                ],
              },
              statementTimeout: {
                type: 'string',
                minLength: 1,
                maxLength: 32,
                'x-rules': [
                  {
                    rule: "self.matches(r'^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) > duration('0s') && duration(self) <= duration('24h')",
                    message: 'must be a duration above 0 and at most 24h, for example 30m',
                  },
                ],
              },
              idleInTransaction: {
                type: 'string',
                minLength: 1,
                maxLength: 32,
                'x-rules': [
                  {
                    rule: "self.matches(r'^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) > duration('0s') && duration(self) <= duration('24h')",
                    message: 'must be a duration above 0 and at most 24h, for example 30m',
                  },
                ],
              },
              connections: { type: 'integer', minimum: 1, maximum: 1000 },
              affectedRowsPerTransaction: { type: 'integer', minimum: 0, maximum: 1000000000 },
              rowsTotal: {
                type: 'integer',
                minimum: 0,
                maximum: 9007199254740991,
                'x-rules': [{ rule: 'false', message: 'not supported by this version; leave it out' }],
              },
              sensitiveValuesTotal: {
                type: 'integer',
                minimum: 0,
                maximum: 9007199254740991,
                'x-rules': [{ rule: 'false', message: 'not supported by this version; leave it out' }],
              },
              statementsPerMinute: {
                type: 'integer',
                minimum: 0,
                maximum: 9007199254740991,
                'x-rules': [{ rule: 'false', message: 'not supported by this version; leave it out' }],
              },
              affectedRowsTotal: {
                type: 'integer',
                minimum: 0,
                maximum: 9007199254740991,
                'x-rules': [{ rule: 'false', message: 'not supported by this version; leave it out' }],
              },
            },
          },
          policyRefs: {
            type: 'array',
            maxItems: 16,
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['name'],
              properties: {
                name: {
                  type: 'string',
                  minLength: 1,
                  maxLength: 253,
                  'x-rules': [
                    {
                      rule: "self.matches(r'^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
                      message: 'must be the name of an object: lower case letters, digits, - and .',
                    },
                  ],
                },
              },
            },
            'x-keys': ['name'],
          },
          approval: {
            type: 'object',
            additionalProperties: false,
            properties: {
              required: {
                type: 'integer',
                minimum: 0,
                maximum: 10,
                'x-rules': [{ rule: 'self == 0', message: 'approvals are not supported by this version; use 0' }],
              },
            },
          },
          unmask: {
            type: 'array',
            maxItems: 64,
            items: { type: 'string', maxLength: 200 },
            'x-rules': [{ rule: 'false', message: 'not supported by this version; leave it out' }],
          },
          revokeIfUnusedFor: {
            type: 'string',
            maxLength: 64,
            'x-rules': [{ rule: 'false', message: 'not supported by this version; leave it out' }],
          },
          retainFor: {
            type: 'string',
            minLength: 1,
            maxLength: 32,
            'x-rules': [
              {
                rule: "self.matches(r'^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) > duration('0s') && duration(self) <= duration('8760h')",
                message: 'must be a duration above 0 and at most 8760h, for example 30m',
              },
            ],
          },
        },
        'x-rules': [
          {
            rule: 'has(self.duration) || has(self.notAfter)',
            message: 'access must end: give duration, notAfter or both',
          },
          {
            rule: '!has(self.notBefore) || !has(self.notAfter) || timestamp(self.notBefore) < timestamp(self.notAfter)',
            message: 'notBefore must be before notAfter',
          },
        ],
      },
      status: {
        type: 'object',
        additionalProperties: false,
        properties: {
          state: { type: 'string', enum: ['Pending', 'Active', 'Expired', 'Revoked', 'Denied'] },
          activatedAt: { type: 'string', format: 'date-time' },
          expiresAt: { type: 'string', format: 'date-time' },
          endedAt: { type: 'string', format: 'date-time' },
          endReason: { type: 'string', minLength: 1, maxLength: 128 },
          policyDigest: { type: 'string', minLength: 1, maxLength: 71 },
          conditions: {
            type: 'array',
            maxItems: 16,
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
              properties: {
                type: { type: 'string', minLength: 1, maxLength: 316 },
                status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
                reason: { type: 'string', minLength: 1, maxLength: 1024 },
                message: { type: 'string', maxLength: 32768 },
                lastTransitionTime: { type: 'string', format: 'date-time' },
                observedGeneration: { type: 'integer', minimum: 0, maximum: 9007199254740991 },
              },
            },
            'x-keys': ['type'],
          },
        },
      },
    },
  },
  AccessPolicy: {
    type: 'object',
    additionalProperties: false,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object', additionalProperties: true },
      spec: {
        type: 'object',
        additionalProperties: false,
        required: ['rego'],
        properties: {
          mode: { type: 'string', enum: ['Enforce', 'DryRun', 'Disabled'] },
          rego: {
            type: 'string',
            minLength: 1,
            maxLength: 65536,
            'x-rules': [
              {
                rule: "self.matches(r'(^|\\n)\\s*package\\s+policy\\b')",
                message: 'must be a module of package policy; begin it with: package policy',
              },
            ],
          },
        },
      },
      status: {
        type: 'object',
        additionalProperties: false,
        properties: {
          digest: { type: 'string', minLength: 1, maxLength: 71 },
          conditions: {
            type: 'array',
            maxItems: 16,
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
              properties: {
                type: { type: 'string', minLength: 1, maxLength: 316 },
                status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
                reason: { type: 'string', minLength: 1, maxLength: 1024 },
                message: { type: 'string', maxLength: 32768 },
                lastTransitionTime: { type: 'string', format: 'date-time' },
                observedGeneration: { type: 'integer', minimum: 0, maximum: 9007199254740991 },
              },
            },
            'x-keys': ['type'],
          },
        },
      },
    },
  },
  AuditSegment: {
    type: 'object',
    additionalProperties: false,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object', additionalProperties: true },
      spec: {
        type: 'object',
        additionalProperties: false,
        required: [
          'stream',
          'seq',
          'prevSegmentHash',
          'bodySha256',
          'count',
          'allowed',
          'denied',
          'firstTime',
          'lastTime',
          'sources',
          'encoding',
          'body',
        ],
        properties: {
          stream: {
            type: 'string',
            minLength: 1,
            maxLength: 63,
            'x-rules': [{ rule: "self.matches(r'^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')", message: 'must be a DNS label' }],
          },
          seq: { type: 'integer', minimum: 1, maximum: 9007199254740991 },
          prevSegmentHash: {
            type: 'string',
            minLength: 1,
            maxLength: 64,
            'x-rules': [{ rule: "self.matches(r'^[0-9a-f]{64}$')", message: 'must be 64 lower-case hex digits' }],
          },
          bodySha256: {
            type: 'string',
            minLength: 1,
            maxLength: 64,
            'x-rules': [{ rule: "self.matches(r'^[0-9a-f]{64}$')", message: 'must be 64 lower-case hex digits' }],
          },
          count: { type: 'integer', minimum: 0, maximum: 10000000 },
          allowed: { type: 'integer', minimum: 0, maximum: 2147483647 },
          denied: { type: 'integer', minimum: 0, maximum: 2147483647 },
          firstTime: { type: 'string', format: 'date-time' },
          lastTime: { type: 'string', format: 'date-time' },
          sources: {
            type: 'array',
            minItems: 1,
            maxItems: 256,
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['source', 'namespace', 'pod', 'fromSeq', 'toSeq', 'prevHash', 'lastHash'],
              properties: {
                source: { type: 'string', minLength: 1, maxLength: 256 },
                namespace: { type: 'string', minLength: 1, maxLength: 63 },
                pod: { type: 'string', minLength: 1, maxLength: 253 },
                fromSeq: { type: 'integer', minimum: 1, maximum: 9007199254740991 },
                toSeq: { type: 'integer', minimum: 1, maximum: 9007199254740991 },
                prevHash: {
                  type: 'string',
                  minLength: 1,
                  maxLength: 64,
                  'x-rules': [{ rule: "self.matches(r'^[0-9a-f]{64}$')", message: 'must be 64 lower-case hex digits' }],
                },
                lastHash: {
                  type: 'string',
                  minLength: 1,
                  maxLength: 64,
                  'x-rules': [{ rule: "self.matches(r'^[0-9a-f]{64}$')", message: 'must be 64 lower-case hex digits' }],
                },
              },
              'x-rules': [{ rule: 'self.fromSeq <= self.toSeq', message: 'fromSeq must not be above toSeq' }],
            },
          },
          encoding: { type: 'string', enum: ['Gzip'] },
          body: { type: 'string', minLength: 1, maxLength: 700000 },
        },
      },
    },
  },
  ClusterAccessPolicy: {
    type: 'object',
    additionalProperties: false,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object', additionalProperties: true },
      spec: {
        type: 'object',
        additionalProperties: false,
        required: ['rego'],
        properties: {
          mode: { type: 'string', enum: ['Enforce', 'DryRun', 'Disabled'] },
          rego: {
            type: 'string',
            minLength: 1,
            maxLength: 65536,
            'x-rules': [
              {
                rule: "self.matches(r'(^|\\n)\\s*package\\s+policy\\b')",
                message: 'must be a module of package policy; begin it with: package policy',
              },
            ],
          },
          namespaceSelector: {
            type: 'object',
            additionalProperties: false,
            properties: {
              matchLabels: {
                type: 'object',
                additionalProperties: { type: 'string', maxLength: 63 },
                maxProperties: 16,
              },
              matchExpressions: {
                type: 'array',
                maxItems: 16,
                items: {
                  type: 'object',
                  additionalProperties: false,
                  required: ['key', 'operator'],
                  properties: {
                    key: { type: 'string', minLength: 1, maxLength: 317 },
                    operator: { type: 'string', enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] },
                    values: { type: 'array', maxItems: 32, items: { type: 'string', maxLength: 63 } },
                  },
                  'x-rules': [
                    {
                      rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                      message: 'In and NotIn need values; Exists and DoesNotExist take none',
                    },
                  ],
                },
              },
            },
          },
        },
      },
      status: {
        type: 'object',
        additionalProperties: false,
        properties: {
          digest: { type: 'string', minLength: 1, maxLength: 71 },
          conditions: {
            type: 'array',
            maxItems: 16,
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
              properties: {
                type: { type: 'string', minLength: 1, maxLength: 316 },
                status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
                reason: { type: 'string', minLength: 1, maxLength: 1024 },
                message: { type: 'string', maxLength: 32768 },
                lastTransitionTime: { type: 'string', format: 'date-time' },
                observedGeneration: { type: 'integer', minimum: 0, maximum: 9007199254740991 },
              },
            },
            'x-keys': ['type'],
          },
        },
      },
    },
  },
  Database: {
    type: 'object',
    additionalProperties: false,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object', additionalProperties: true },
      spec: {
        type: 'object',
        additionalProperties: false,
        required: ['engine', 'host', 'localPort', 'databases', 'credentials'],
        properties: {
          engine: {
            type: 'string',
            enum: ['PostgreSQL', 'MySQL', 'MariaDB'],
            'x-rules': [
              {
                rule: "self == 'PostgreSQL'",
                message: 'MySQL and MariaDB are not supported by this version; use PostgreSQL',
              },
            ],
          },
          host: {
            type: 'string',
            minLength: 1,
            maxLength: 253,
            'x-rules': [
              {
                rule: "self.matches(r'^[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?$')",
                message:
                  'must be a host name or an IP address, without scheme and port, for example orders-db.prod.svc',
              },
            ],
          },
          port: { type: 'integer', minimum: 1, maximum: 65535 },
          localPort: {
            type: 'integer',
            minimum: 1024,
            maximum: 65535,
            'x-rules': [
              {
                rule: 'self < 15900 || self > 15999',
                message: '15900 to 15999 are kept for the sidecar itself; choose another port, for example 15432',
              },
            ],
          },
          databases: {
            type: 'array',
            minItems: 1,
            maxItems: 32,
            items: { type: 'string', minLength: 1, maxLength: 63 },
            uniqueItems: true,
          },
          tls: {
            type: 'object',
            additionalProperties: false,
            properties: {
              mode: { type: 'string', enum: ['Disable', 'Require', 'VerifyCA', 'VerifyFull'] },
              caSecretRef: {
                type: 'object',
                additionalProperties: false,
                required: ['name'],
                properties: {
                  name: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 253,
                    'x-rules': [
                      {
                        rule: "self.matches(r'^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
                        message: 'must be the name of an object: lower case letters, digits, - and .',
                      },
                    ],
                  },
                  key: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 253,
                    'x-rules': [
                      {
                        rule: "self.matches(r'^[-._a-zA-Z0-9]+$')",
                        message: 'must be a key of a Secret, for example ca.crt',
                      },
                    ],
                  },
                },
              },
            },
          },
          credentials: {
            type: 'object',
            additionalProperties: false,
            properties: {
              static: {
                type: 'object',
                additionalProperties: false,
                required: ['secretRef'],
                properties: {
                  secretRef: {
                    type: 'object',
                    additionalProperties: false,
                    required: ['name'],
                    properties: {
                      name: {
                        type: 'string',
                        minLength: 1,
                        maxLength: 253,
                        'x-rules': [
                          {
                            rule: "self.matches(r'^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
                            message: 'must be the name of an object: lower case letters, digits, - and .',
                          },
                        ],
                      },
                    },
                  },
                },
              },
              ephemeral: {
                type: 'object',
                additionalProperties: true,
                maxProperties: 16,
                'x-rules': [{ rule: 'false', message: 'not supported by this version; leave it out' }],
              },
            },
            'x-rules': [
              {
                rule: 'has(self.static) != has(self.ephemeral)',
                message: 'exactly one of static and ephemeral must be given',
              },
            ],
          },
          sensitive: {
            type: 'array',
            maxItems: 64,
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['columns', 'mask'],
              properties: {
                columns: {
                  type: 'array',
                  minItems: 1,
                  maxItems: 128,
                  items: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 200,
                    'x-rules': [
                      {
                        rule: "self.matches(r'^[^.]+\\.[^.]+\\.[^.]+$')",
                        message: 'must be schema.table.column, for example public.customers.email',
                      },
                    ],
                  },
                  uniqueItems: true,
                },
                class: { type: 'string', minLength: 1, maxLength: 63 },
                mask: { type: 'string', enum: ['Redact', 'Null', 'Hash', 'Partial', 'Deny'] },
              },
            },
          },
          grantableTo: {
            type: 'object',
            additionalProperties: false,
            properties: {
              from: { type: 'string', enum: ['Same', 'All', 'Selector'] },
              namespaceSelector: {
                type: 'object',
                additionalProperties: false,
                properties: {
                  matchLabels: {
                    type: 'object',
                    additionalProperties: { type: 'string', maxLength: 63 },
                    maxProperties: 16,
                  },
                  matchExpressions: {
                    type: 'array',
                    maxItems: 16,
                    items: {
                      type: 'object',
                      additionalProperties: false,
                      required: ['key', 'operator'],
                      properties: {
                        key: { type: 'string', minLength: 1, maxLength: 317 },
                        operator: { type: 'string', enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] },
                        values: { type: 'array', maxItems: 32, items: { type: 'string', maxLength: 63 } },
                      },
                      'x-rules': [
                        {
                          rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                          message: 'In and NotIn need values; Exists and DoesNotExist take none',
                        },
                      ],
                    },
                  },
                },
              },
            },
            'x-rules': [
              {
                rule: "(has(self.from) && self.from == 'Selector') == has(self.namespaceSelector)",
                message: 'namespaceSelector must be given with from: Selector, and only then',
              },
            ],
          },
          audit: {
            type: 'object',
            additionalProperties: false,
            properties: {
              durability: { type: 'string', enum: ['Process', 'Disk', 'Collector'] },
              literals: {
                type: 'string',
                enum: ['Redacted', 'Encrypted'],
                'x-rules': [
                  { rule: "self == 'Redacted'", message: 'Encrypted is not supported by this version; use Redacted' },
                ],
              },
            },
          },
          limits: {
            type: 'object',
            additionalProperties: false,
            properties: {
              maxGrantDuration: {
                type: 'string',
                minLength: 1,
                maxLength: 32,
                'x-rules': [
                  {
                    rule: "self.matches(r'^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) > duration('0s') && duration(self) <= duration('720h')",
                    message: 'must be a duration above 0 and at most 720h, for example 30m',
                  },
                ],
              },
              requiredApprovals: {
                type: 'integer',
                minimum: 0,
                maximum: 10,
                'x-rules': [{ rule: 'self == 0', message: 'approvals are not supported by this version; use 0' }],
              },
            },
          },
          unmaskApprovers: {
            type: 'object',
            additionalProperties: true,
            maxProperties: 16,
            'x-rules': [{ rule: 'false', message: 'not supported by this version; leave it out' }],
          },
        },
        'x-rules': [
          {
            rule: "!has(self.tls) || !has(self.tls.mode) || self.tls.mode in ['VerifyCA', 'VerifyFull'] || !has(self.tls.caSecretRef)",
            message: 'tls.caSecretRef is only read with mode VerifyCA or VerifyFull; remove it or change the mode',
          },
        ],
      },
      status: {
        type: 'object',
        additionalProperties: false,
        properties: {
          conditions: {
            type: 'array',
            maxItems: 16,
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
              properties: {
                type: { type: 'string', minLength: 1, maxLength: 316 },
                status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
                reason: { type: 'string', minLength: 1, maxLength: 1024 },
                message: { type: 'string', maxLength: 32768 },
                lastTransitionTime: { type: 'string', format: 'date-time' },
                observedGeneration: { type: 'integer', minimum: 0, maximum: 9007199254740991 },
              },
            },
            'x-keys': ['type'],
          },
        },
      },
    },
  },
}

export const clusterScopedKinds: readonly string[] = ['ClusterAccessPolicy']

export const customResourceDigests: readonly CustomResourceDigest[] = [
  {
    name: 'accessgrants.sallyport.dev',
    kind: 'AccessGrant',
    version: 'v1alpha1',
    schemaDigest: 'sha256:fbbb6849a03c58fa94de14d81dcb6a9102922b888882ea0b42da6b12e4606ad0',
  },
  {
    name: 'accesspolicies.sallyport.dev',
    kind: 'AccessPolicy',
    version: 'v1alpha1',
    schemaDigest: 'sha256:bfff84bd849a568e10710e2d5220fb0a7207e51bf0d3b3b92fdca2cad8a2c85b',
  },
  {
    name: 'auditsegments.sallyport.dev',
    kind: 'AuditSegment',
    version: 'v1alpha1',
    schemaDigest: 'sha256:8f74d24498dd60e808dc633d3e68b8df4106434af5c825cccb63cefb9a0fd91a',
  },
  {
    name: 'clusteraccesspolicies.sallyport.dev',
    kind: 'ClusterAccessPolicy',
    version: 'v1alpha1',
    schemaDigest: 'sha256:e301a4d9f6a013134cb80b81fc2cae13a637f0a48eaf5706980dcebe8d818124',
  },
  {
    name: 'databases.sallyport.dev',
    kind: 'Database',
    version: 'v1alpha1',
    schemaDigest: 'sha256:20ef987a41a05b5c2bef4addec0b92091d4b7a78418bd4bdcb1de64b2dceb948',
  },
]
