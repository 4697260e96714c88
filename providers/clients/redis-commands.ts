// What a tenant's Redis user may do: command by command. A category (`+@read`) would grant whatever a newer server or a module
// adds to it, and not all of that is confined to keys: users are stored with their rules, and the server reads them anew.

/** Reviewed and tested one by one (test/attacks/redis-commands.test.ts); each exists from Redis 7.0 on. */
const commands = {
  keys:
    "del exists expire expireat expiretime object|encoding object|freq object|idletime object|refcount persist pexpire " +
    "pexpireat pexpiretime pttl rename renamenx sort sort_ro touch ttl type unlink memory|usage",
  strings:
    "append decr decrby get getdel getex getrange getset incr incrby incrbyfloat lcs mget mset msetnx psetex set setex " +
    "setnx setrange strlen substr",
  bits: "bitcount bitfield bitfield_ro bitop bitpos getbit setbit",
  hyperloglogs: "pfadd pfcount pfmerge",
  hashes:
    "hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx hstrlen hvals",
  lists:
    "blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos lpush lpushx lrange lrem lset ltrim " +
    "rpop rpoplpush rpush rpushx",
  sets:
    "sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers smismember smove spop srandmember srem " +
    "sscan sunion sunionstore",
  sortedSets:
    "bzmpop bzpopmax bzpopmin zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop " +
    "zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex " +
    "zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion zunionstore",
  geo:
    "geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch " +
    "geosearchstore",
  streams:
    "xack xadd xautoclaim xclaim xdel xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|setid " +
    "xinfo|consumers xinfo|groups xinfo|stream xlen xpending xrange xread xreadgroup xrevrange xsetid xtrim",
  // Not PUBSUB: it lists everybody's channels.
  channels: "psubscribe publish punsubscribe spublish ssubscribe subscribe sunsubscribe unsubscribe",
  transactions: "discard exec multi unwatch watch",
  // Not SCRIPT FLUSH or KILL, nor functions: one library is everybody's.
  scripts: "eval eval_ro evalsha evalsha_ro script|exists script|load",
  connection:
    "acl|whoami auth client|getname client|id client|info client|reply client|setname command echo hello ping quit reset " +
    "select|0 time",
} as const;

/**
 * The command part of a tenant's ACL rule. What is not here is refused: SCAN, KEYS, RANDOMKEY and DBSIZE (other tenants'
 * keys), SELECT of another database and COPY (which writes to any database, where no key is counted or deleted), RESTORE,
 * MIGRATE, INFO, CLIENT LIST/TRACKING, everything administrative.
 */
export const tenantCommands: readonly string[] = [
  "-@all",
  ...Object.values(commands).flatMap((names) => names.split(" ").map((name) => `+${name}`)),
];

/** What a client of a Redis Cluster needs besides: where each slot is, and to follow a slot that moves or a replica. */
export const clusterCommands: readonly string[] = ["+cluster|slots", "+asking", "+readonly", "+readwrite"];
