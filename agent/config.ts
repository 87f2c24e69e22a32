/** What an agent is told at start. Read and checked by the command line; trusted from there on. */
export interface AgentConfig {
  readonly cluster: string;
  /** Unique in the cluster. */
  readonly member: string;
  /** Name of the machine it runs on (rule A3). */
  readonly host: string | undefined;
  /** What tells that machine from every other one, for good: a memory that was written on another is a copy (rule E5). Undefined: nothing. */
  readonly hostId: string | undefined;
  /** `host:port` of every controller. */
  readonly controllers: readonly string[];
  /** Where this agent answers other agents. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Where load balancers ask what the database may be used for. Undefined: nowhere. */
  readonly health: { readonly host: string; readonly port: number } | undefined;
  readonly advertise: {
    /** `host:port` under which other agents reach this one. */
    readonly agent: string;
    /** Where other members and clients reach the database. */
    readonly database: { readonly host: string; readonly port: number };
  };
  /** Holds state.json; on the same volume as the data, outside the data directory (a base backup would copy it). */
  readonly stateDir: string;
  readonly engine: PostgresConfig | MariadbConfig | MysqlConfig | RedisConfig | ExecConfig;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

export interface PostgresConfig {
  readonly kind: 'postgres';
  readonly dataDir: string;
  /** Folder of postgres, pg_ctl and pg_waldump; found from the running server when not given. */
  readonly binDir: string | undefined;
  /** Socket folder or address of the local server. */
  readonly host: string;
  readonly port: number;
  /** A superuser: promotion, ALTER SYSTEM and ending sessions need it. */
  readonly user: string;
  readonly password: string | undefined;
  /** Holds Tanist's schema with the marks. */
  readonly database: string;
  /** How this member logs in to another one to replicate. */
  readonly replication: {
    readonly user: string;
    readonly password: string | undefined;
    /** Further libpq settings, verbatim: `sslmode=verify-full sslrootcert=…`. */
    readonly options: string;
  };
  /** How this member logs in to the leader, in the same database, to be rewound to the leader's history; with the options above. */
  readonly rewind: {
    readonly user: string;
    readonly password: string | undefined;
  };
  readonly server: ServerControl;
}

export interface MariadbConfig {
  readonly kind: 'mariadb';
  readonly dataDir: string;
  /** Folder of mariadb, mariadb-binlog and mariadb-backup; where distributions put them when not given. */
  readonly binDir: string | undefined;
  /** Address of the local server; its socket goes before. */
  readonly host: string;
  readonly port: number;
  readonly socket: string | undefined;
  /** With all privileges: replication, read_only and other servers' transactions need most of them. */
  readonly user: string;
  readonly password: string | undefined;
  /** How this member logs in to another one to replicate. */
  readonly replication: {
    readonly user: string;
    readonly password: string | undefined;
    /** Further options of CHANGE MASTER, verbatim: `master_ssl=1, …`. */
    readonly options: string;
  };
  readonly server: ServerControl;
}

/** The same of MySQL: the folder is that of mysqlbinlog, and options are those of CHANGE REPLICATION SOURCE: `source_ssl=1, …`. */
export interface MysqlConfig extends Omit<MariadbConfig, 'kind'> {
  readonly kind: 'mysql';
}

export interface RedisConfig {
  readonly kind: 'redis';
  /** The server's `dir`, where it runs. */
  readonly dataDir: string;
  /** Address of the local server. */
  readonly host: string;
  readonly port: number;
  /** How the agent talks to it, and other members' with it. Undefined: not encrypted. */
  readonly tls:
    | {
        readonly ca: string;
        readonly cert: string | undefined;
        readonly key: string | undefined;
        /** In the server's certificate. Undefined: whoever the authority has signed. */
        readonly serverName: string | undefined;
      }
    | undefined;
  /** May do everything, but no keys other than `tanist:*` are ever touched. Undefined: the default user. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** How this member logs in to another one to replicate. Undefined: as the server is set already. */
  readonly replication: {
    readonly user: string | undefined;
    readonly password: string | undefined;
  };
  readonly server: ServerControl;
}

export interface ExecConfig {
  readonly kind: 'exec';
  readonly dataDir: string;
  readonly call: ScriptCall;
  readonly timeouts: {
    /** A status that takes longer is that of a database that hangs. */
    readonly statusMs: number;
    readonly startMs: number;
    readonly sealMs: number;
    readonly followMs: number;
  };
}

/** The executable that knows the store, and what it is told with every call. */
export interface ScriptCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly dataDir: string;
  readonly port: number;
  /** JSON, handed on as it stands in the file. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** How the server is started. Stopping to fence needs none of it: signals to the server's own processes. */
export type ServerControl =
  | { readonly kind: 'pg_ctl'; readonly options: string; readonly logFile: string }
  | { readonly kind: 'systemd'; readonly unit: string }
  | { readonly kind: 'commands'; readonly start: string };
