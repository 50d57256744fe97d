/*
 * What RDS lets members of rds_superuser do although PostgreSQL asks for a superuser.
 *
 * PostgreSQL checks superuser() in C where RDS's build checks membership of rds_superuser (RDS user guide,
 * "Understanding the rds_superuser role"). For the commands in `passes()` this module makes the current user a
 * superuser for the time of the one command, in this backend's catalog cache alone: nothing is written, no other
 * session sees it, and what the command makes belongs to the user. It also keeps the REPLICATION attribute equal to
 * membership of rds_replication, since a walsender asks for the attribute.
 *
 * Built without PostgreSQL's headers, which the packaged servers lack: the few structures that are looked into are
 * declared below for 12 to 18, from the header that is named beside each.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef unsigned int Oid;
typedef void Node;
typedef uintptr_t Datum;

#define BOOTSTRAP_SUPERUSER 10
#define LOCAL_USERID_CHANGE 1

/* fmgr.h: how the server knows that a module was built for it */
typedef struct {
    int len;
#if PG_MAJOR >= 18
    struct {
#endif
        int version, funcmaxargs, indexmaxkeys, namedatalen;
#if PG_MAJOR == 12
        int float4byval;
#endif
        int float8byval;
#if PG_MAJOR >= 15
        char abi_extra[32];
#endif
#if PG_MAJOR >= 18
    } abi;
    const char *module_name, *module_version;
#endif
} Magic;

const Magic *Pg_magic_func(void) {
    static const Magic magic = {
        .len = sizeof(Magic),
#if PG_MAJOR >= 18
        .abi = {
#endif
            .version = PG_MAJOR * 100, .funcmaxargs = 100, .indexmaxkeys = 32, .namedatalen = 64,
#if PG_MAJOR == 12
            .float4byval = 1,
#endif
            .float8byval = 1,
#if PG_MAJOR >= 15
            .abi_extra = "PostgreSQL",
#endif
#if PG_MAJOR >= 18
        },
#endif
    };
    return &magic;
}

/* nodes/plannodes.h, up to the one member that is read */
typedef struct {
    int type, command_type;
    uint64_t query_id;
#if PG_MAJOR >= 18
    int64_t plan_id;
#endif
    bool flags[6];
    int jit_flags;
    void *plan_tree;
#if PG_MAJOR >= 18
    void *part_prune_infos;
#endif
    void *rtable;
#if PG_MAJOR >= 18
    void *unprunable_relids;
#endif
#if PG_MAJOR >= 16
    void *perm_infos;
#endif
    void *result_relations;
#if PG_MAJOR <= 13
    void *root_result_relations;
#endif
#if PG_MAJOR >= 13
    void *append_relations;
#endif
    void *subplans, *rewind_plan_ids, *row_marks, *relation_oids, *inval_items, *param_exec_types;
    Node *utility_statement;
} PlannedStmt;

/* nodes/pg_list.h, since 13 */
typedef struct {
    int type, length, max_length;
    void **elements;
} List;

/* nodes/parsenodes.h: CreatePublicationStmt and, as far as `objects`, AlterPublicationStmt */
typedef struct {
    int type;
    char *name;
    List *options;
    List *objects;
    bool for_all_tables;
} PublicationStmt;

/* nodes/parsenodes.h, since 15 */
typedef struct {
    int type, kind;
} PublicationObject;
enum { PUBLICATION_SCHEMA = 1, PUBLICATION_CURRENT_SCHEMA = 2 };

/* nodes/parsenodes.h */
typedef struct {
    int type, kind;
    char *name;
} VariableSetStmt;

/* nodes/parsenodes.h: 1 is CURRENT_USER up to 13 and CURRENT_ROLE since 14, which are the same */
typedef struct {
    int type, kind;
    char *name;
    int location;
} RoleSpec;
enum { CURRENT_ROLE = 1 };

/* access/htup.h and htup_details.h */
typedef struct {
    uint32_t length;
    uint16_t self[3];
    Oid table;
    struct {
        char fields[12];
        uint16_t ctid[3], infomask2, infomask;
        uint8_t header_size;
    } *data;
} Tuple;

/* catalog/pg_authid.h */
typedef struct {
    Oid oid;
    char name[64];
    bool superuser;
} Role;

/* fmgr.h: FunctionCallInfoBaseData */
typedef struct {
    void *function, *context, *result_info;
    Oid collation;
    bool is_null;
} FunctionCall;

extern sigjmp_buf *PG_exception_stack;
extern void *error_context_stack;
extern void pg_re_throw(void) __attribute__((noreturn));

extern Oid GetUserId(void);
extern void GetUserIdAndSecContext(Oid *user, int *context);
extern void SetUserIdAndSecContext(Oid user, int context);
extern bool superuser(void);
extern bool superuser_arg(Oid role);
extern Oid get_role_oid(const char *name, bool missing_ok);
extern bool has_privs_of_role(Oid member, Oid role);
extern Tuple *get_rolespec_tuple(const RoleSpec *role);
extern void ReleaseSysCache(Tuple *tuple);
extern int SPI_connect(void);
extern int SPI_execute(const char *sql, bool read_only, long limit);
extern int SPI_finish(void);

#if PG_MAJOR == 12
extern const char *CreateCommandTag(Node *statement);
#define command_tag(statement) CreateCommandTag(statement)
#else
extern int CreateCommandTag(Node *statement);
extern const char *GetCommandTagName(int tag);
#define command_tag(statement) GetCommandTagName(CreateCommandTag(statement))
#endif

/* tcop/utility.h; the fields of the hook in 12 to 18 */
#if PG_MAJOR >= 14
#define PARAMETERS \
    PlannedStmt *planned, const char *query, bool read_only_tree, int context, void *params, void *environment, \
        void *destination, void *completion
#define ARGUMENTS planned, query, read_only_tree, context, params, environment, destination, completion
#else
#define PARAMETERS \
    PlannedStmt *planned, const char *query, int context, void *params, void *environment, void *destination, \
        void *completion
#define ARGUMENTS planned, query, context, params, environment, destination, completion
#endif
typedef void (*Utility)(PARAMETERS);
extern Utility ProcessUtility_hook;
extern void standard_ProcessUtility(PARAMETERS);

static Utility next_utility;

static bool is(const char *tag, const char *command) { return strcmp(tag, command) == 0; }

#if PG_MAJOR >= 15
static bool names_schemas(const List *objects) {
    for (int i = 0; objects && i < objects->length; i++) {
        const PublicationObject *object = objects->elements[i];
        if (object->kind == PUBLICATION_SCHEMA || object->kind == PUBLICATION_CURRENT_SCHEMA)
            return true;
    }
    return false;
}
#else
/* Settings that RDS lets rds_superuser change for its session; since 15 they are granted, see rds_roles.sql. */
static bool may_set(const char *name) {
    static const char *const names[] = {"session_replication_role", "log_statement", "log_min_duration_statement",
                                        "log_min_messages", "log_min_error_statement", "log_duration"};
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (is(name, names[i]))
            return true;
    return false;
}
#endif

/* Whether RDS lets rds_superuser through where PostgreSQL asks for a superuser. Tables of other owners stay theirs:
 * a publication that names tables is checked as ever. */
static bool passes(const char *tag, const Node *statement) {
    if (is(tag, "CREATE PUBLICATION") && ((const PublicationStmt *) statement)->for_all_tables)
        return true;
#if PG_MAJOR >= 15
    if (is(tag, "CREATE PUBLICATION") || is(tag, "ALTER PUBLICATION"))
        return names_schemas(((const PublicationStmt *) statement)->objects);
#else
    if (is(tag, "SET"))
        return may_set(((const VariableSetStmt *) statement)->name);
#endif
    /* Since 16 membership of pg_create_subscription is enough. */
    if (PG_MAJOR <= 15 && (is(tag, "CREATE SUBSCRIPTION") || is(tag, "ALTER SUBSCRIPTION")))
        return true;
    return is(tag, "CREATE EVENT TRIGGER") || is(tag, "CREATE EXTENSION") || is(tag, "ALTER EXTENSION");
}

static bool is_rds_superuser(void) {
    Oid rds_superuser = get_role_oid("rds_superuser", true);
    return rds_superuser && !superuser() && has_privs_of_role(GetUserId(), rds_superuser);
}

static Tuple *current_role_in_cache(void) {
    RoleSpec current = {.kind = CURRENT_ROLE};
    return get_rolespec_tuple(&current);
}

static void set_superuser(Tuple *role, bool value) {
    ((Role *) ((char *) role->data + role->data->header_size))->superuser = value;
    /* superuser_arg() remembers its last answer: ask for somebody else. */
    superuser_arg(BOOTSTRAP_SUPERUSER);
}

/* Run one command while the current user is a superuser; also after an error they are none. */
static void run_as_superuser(PARAMETERS) {
    Tuple *role = current_role_in_cache();
    sigjmp_buf *outer_handler = PG_exception_stack;
    void *outer_context = error_context_stack;
    sigjmp_buf handler;

    if (sigsetjmp(handler, 0) == 0) {
        PG_exception_stack = &handler;
        set_superuser(role, true);
        next_utility(ARGUMENTS);
        PG_exception_stack = outer_handler;
        set_superuser(role, false);
        ReleaseSysCache(role);
    } else {
        PG_exception_stack = outer_handler;
        error_context_stack = outer_context;
        set_superuser(role, false);
        pg_re_throw();
    }
}

/* Change pg_authid as its owner would. If this fails, the abort of the transaction puts the user back. */
static void write_roles(const char *sql) {
    Oid user;
    int context;

    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(BOOTSTRAP_SUPERUSER, context | LOCAL_USERID_CHANGE);
    SPI_connect();
    SPI_execute(sql, false, 0);
    SPI_finish();
    SetUserIdAndSecContext(user, context);
}

/* Up to 15 only a superuser may alter a role that has REPLICATION (AlterRole in user.c); on RDS members of
 * rds_replication are roles like any other. */
static void take_replication_attribute(void) {
    write_roles("update pg_catalog.pg_authid set rolreplication = false where rolreplication and not rolsuper");
}

/* Whoever can log in has REPLICATION if and only if they are a member of rds_replication. */
static void keep_replication_attribute(void) {
    if (!get_role_oid("rds_replication", true))
        return;
    write_roles(
        "with recursive member as ("
        " select oid from pg_catalog.pg_authid where rolname = 'rds_replication'"
        " union"
        " select granted.member from pg_catalog.pg_auth_members granted join member on granted.roleid = member.oid) "
        "update pg_catalog.pg_authid role set rolreplication = not rolreplication"
        " where rolcanlogin and not rolsuper and rolreplication <> (oid in (select oid from member))");
}

static void utility(PARAMETERS) {
    const char *tag = command_tag(planned->utility_statement);

    if (PG_MAJOR <= 15 && is(tag, "ALTER ROLE"))
        take_replication_attribute();
    if (passes(tag, planned->utility_statement) && is_rds_superuser())
        run_as_superuser(ARGUMENTS);
    else
        next_utility(ARGUMENTS);

    if (is(tag, "GRANT ROLE") || is(tag, "REVOKE ROLE") || is(tag, "CREATE ROLE") || is(tag, "ALTER ROLE"))
        keep_replication_attribute();
}

void _PG_init(void) {
    next_utility = ProcessUtility_hook ? ProcessUtility_hook : standard_ProcessUtility;
    ProcessUtility_hook = utility;
}

/* rds_tools.logical_seed_lsn(): the position that the cloud wrote into the data directory after the first recovery,
 * null on an instance that was not restored. */
Datum logical_seed_lsn(FunctionCall *call) {
    unsigned high, low;
    FILE *file = fopen("rds_logical_seed_lsn", "r");

    call->is_null = !file || fscanf(file, "%X/%X", &high, &low) != 2;
    if (file)
        fclose(file);
    return call->is_null ? 0 : (Datum) high << 32 | low;
}

const int *pg_finfo_logical_seed_lsn(void) {
    static const int version = 1;
    return &version;
}
