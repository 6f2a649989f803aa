/* What a PKCS#11 module does with nothing round it: threads that call it in a loop, each with its own session and copy
 * of the key.
 *
 * rawloop MODULE LABEL PIN_FILE SECONDS CALLERS...
 *
 * Reads a line "KIND SIZE_OR_CURVE OPERATION MECHANISM OCTETS PARTS" for each measurement, and for each number of
 * callers writes "CALLS P50 P99", the latter in microseconds. KIND: rsa, ec (curve: hexadecimal DER of its name), aes,
 * generic. OPERATION: generate, sign, encrypt, decrypt. PARTS: 0, or so many parts of OCTETS each within one operation.
 * The layouts are those of PKCS #11 2.40, so that no header is needed.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned long Word;
typedef Word (*Call)();

enum {
    INITIALIZE = 0, SLOTS = 4, TOKEN_INFO = 6, OPEN = 12, LOGIN = 18, COPY = 21, DESTROY = 22, ENCRYPT = 29, DECRYPT = 33,
    SIGN = 42, MAKE = 58, MAKE_PAIR = 59
}; /* places in CK_FUNCTION_LIST; the call itself follows its Init, then come Update and Final */
enum { RSA_PKCS = 1, RSA_OAEP = 9, RSA_PSS = 0xD, AES_CBC = 0x1082, AES_GCM = 0x1087 };
enum { MAX_CALLERS = 64, MAX_OCTETS = 4096 };

typedef struct { Word kind; void *value; Word octets; } Attribute;
typedef struct { Word kind; void *parameter; Word octets; } Mechanism;
typedef struct { void *iv; Word iv_octets, iv_bits; void *aad; Word aad_octets, tag_bits; } Gcm;
typedef struct { Word hash, mgf, salt; } Pss;
typedef struct { Word hash, mgf, source; void *label; Word octets; } Oaep;

typedef struct {
    char kind[16], size[64], operation[16];
    Word mechanism, octets, parts;
} Case;

typedef struct {
    const Case *what;
    Word session, key, text_octets;
    unsigned char *text;
    double end, *taken;
    size_t calls, room;
} Caller;

static Call *functions;
static Word slot;
static unsigned char zeros[MAX_OCTETS];
static unsigned char yes = 1, no = 0;

static void check(const char *what, Word code) {
    if (code != 0) {
        fprintf(stderr, "%s failed with CKR %#lx\n", what, code);
        exit(1);
    }
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static Word opened(void) {
    Word session;
    check("C_OpenSession", functions[OPEN](slot, 6UL, NULL, NULL, &session)); /* serial, read and write */
    return session;
}

static Mechanism mechanism_of(Word kind) {
    static Gcm gcm = {zeros, 12, 96, NULL, 0, 128};
    static Pss pss = {0x250, 2, 32};                /* SHA-256 */
    static Oaep oaep = {0x220, 1, 1, NULL, 0};      /* SHA-1 */
    switch (kind) {
    case AES_CBC: return (Mechanism){kind, zeros, 16};
    case AES_GCM: return (Mechanism){kind, &gcm, sizeof gcm};
    case RSA_PSS: return (Mechanism){kind, &pss, sizeof pss};
    case RSA_OAEP: return (Mechanism){kind, &oaep, sizeof oaep};
    default: return (Mechanism){kind, NULL, 0};
    }
}

/* Return a private or secret key; public: the other half. */
static Word made(Word session, const Case *what, Word *public) {
    static unsigned char exponent[] = {1, 0, 1};
    unsigned char curve[32];
    Word key, bits = strtoul(what->size, NULL, 10), octets = bits / 8, length = strlen(what->size) / 2;
    Attribute rights[] = {{1, &no, 1}, {2, &yes, 1}, {0x103, &yes, 1}, {0x108, &yes, 1}, {0x105, &yes, 1},
                          {0x104, &yes, 1}, {0x161, &octets, sizeof octets}};
    *public = 0;
    if (strcmp(what->kind, "aes") == 0 || strcmp(what->kind, "generic") == 0) {
        Mechanism how = {strcmp(what->kind, "aes") == 0 ? 0x1080 : 0x350, NULL, 0};
        check("C_GenerateKey", functions[MAKE](session, &how, rights, 7UL, &key));
        return key;
    }
    Attribute rsa[] = {{1, &no, 1}, {0x121, &bits, sizeof bits}, {0x122, exponent, sizeof exponent}, {0x104, &yes, 1}};
    for (Word i = 0; i < length && i < sizeof curve; i++) sscanf(what->size + 2 * i, "%2hhx", &curve[i]);
    Attribute ec[] = {{1, &no, 1}, {0x180, curve, length}};
    int is_rsa = strcmp(what->kind, "rsa") == 0;
    Mechanism how = {is_rsa ? 0 : 0x1040, NULL, 0};
    check("C_GenerateKeyPair", functions[MAKE_PAIR](session, &how, is_rsa ? rsa : ec, is_rsa ? 4UL : 2UL, rights,
                                                    is_rsa ? 5UL : 4UL, public, &key));
    return key;
}

static int init_of(const Case *what) {
    return strcmp(what->operation, "sign") == 0 ? SIGN : strcmp(what->operation, "encrypt") == 0 ? ENCRYPT : DECRYPT;
}

static void once(Caller *me) {
    unsigned char out[MAX_OCTETS];
    Word octets = sizeof out, public, key;
    if (strcmp(me->what->operation, "generate") == 0) {
        key = made(me->session, me->what, &public);
        functions[DESTROY](me->session, key);
        if (public) functions[DESTROY](me->session, public);
        return;
    }
    int call = init_of(me->what);
    Mechanism how = mechanism_of(me->what->mechanism);
    check("Init", functions[call](me->session, &how, me->key));
    if (me->what->parts == 0) {
        check("the call", functions[call + 1](me->session, me->text, me->text_octets, out, &octets));
        return;
    }
    for (Word part = 0; part < me->what->parts; part++) {
        octets = sizeof out;
        check("Update", functions[call + 2](me->session, me->text, me->text_octets, out, &octets));
    }
    octets = sizeof out;
    check("Final", functions[call + 3](me->session, out, &octets));
}

static void *run(void *argument) {
    Caller *me = argument;
    for (double began = now(), ended; began < me->end; began = ended) {
        once(me);
        ended = now();
        if (me->calls == me->room) me->taken = realloc(me->taken, (me->room = 2 * me->room + 1024) * sizeof(double));
        me->taken[me->calls++] = ended - began;
    }
    return NULL;
}

static int by_value(const void *a, const void *b) {
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static void measure(const Case *what, Word key, unsigned char *text, Word octets, double seconds, int count) {
    Attribute passing = {1, &no, 1}; /* SoftHSM takes no empty template */
    pthread_t threads[MAX_CALLERS];
    Caller callers[MAX_CALLERS];
    size_t calls = 0;
    for (int i = 0; i < count; i++) {
        Word mine = opened(), copy = key;
        if (key) check("C_CopyObject", functions[COPY](mine, key, &passing, 1UL, &copy));
        callers[i] = (Caller){what, mine, copy, octets, text, 0, NULL, 0, 0};
        if (key) once(&callers[i]);
    }
    double began = now();
    for (int i = 0; i < count; i++) {
        callers[i].end = began + seconds;
        pthread_create(&threads[i], NULL, run, &callers[i]);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        calls += callers[i].calls;
    }
    double spent = now() - began, *all = malloc((calls + 1) * sizeof(double));
    calls = 0;
    for (int i = 0; i < count; i++) {
        memcpy(all + calls, callers[i].taken, callers[i].calls * sizeof(double));
        calls += callers[i].calls;
        free(callers[i].taken);
        functions[OPEN + 1](callers[i].session); /* C_CloseSession: its copy of the key goes with it */
    }
    qsort(all, calls, sizeof(double), by_value);
    printf("%f %f %f\n", calls / spent, 1e6 * all[calls / 2], 1e6 * all[(size_t)(calls * 0.99)]);
    fflush(stdout);
    free(all);
}

static void open_token(const char *path, const char *label, const char *pin_file) {
    struct { void *create, *destroy, *lock, *unlock; Word flags; void *reserved; } arguments = {0, 0, 0, 0, 2, 0};
    struct { unsigned char version[2]; Call functions[68]; } *list;
    struct { unsigned char label[32], rest[256]; } info;
    Word slots[64], count = 64;
    char pin[256];
    void *library = dlopen(path, RTLD_NOW);
    Call list_functions = library ? (Call)dlsym(library, "C_GetFunctionList") : NULL;
    if (!list_functions) exit(2);
    check("C_GetFunctionList", list_functions(&list));
    functions = list->functions;
    check("C_Initialize", functions[INITIALIZE](&arguments)); /* with the locks of the system */
    check("C_GetSlotList", functions[SLOTS](1, slots, &count));
    for (slot = slots[0]; count > 0; count--) {
        slot = slots[count - 1];
        check("C_GetTokenInfo", functions[TOKEN_INFO](slot, &info));
        if (strncmp((char *)info.label, label, strlen(label)) == 0) break;
    }
    FILE *file = fopen(pin_file, "r");
    if (count == 0 || !file || !fgets(pin, sizeof pin, file)) exit(2);
    pin[strcspn(pin, "\r\n")] = 0;
    check("C_Login", functions[LOGIN](opened(), 1UL, pin, strlen(pin)));
    memset(pin, 0, sizeof pin);
}

int main(int count, char **words) {
    Case what;
    if (count < 6) return 2;
    open_token(words[1], words[2], words[3]);
    while (scanf("%15s %63s %15s %lu %lu %lu", what.kind, what.size, what.operation, &what.mechanism, &what.octets,
                 &what.parts) == 6) {
        unsigned char text[MAX_OCTETS] = {0};
        Word session = opened(), public = 0, octets = what.octets, key = 0;
        if (octets > MAX_OCTETS) return 2;
        if (strcmp(what.operation, "generate") != 0) key = made(session, &what, &public);
        if (strcmp(what.operation, "decrypt") == 0 && what.parts == 0) {
            Mechanism how = mechanism_of(what.mechanism);
            octets = sizeof text;
            check("C_EncryptInit", functions[ENCRYPT](session, &how, public ? public : key));
            check("C_Encrypt", functions[ENCRYPT + 1](session, zeros, what.octets, text, &octets));
        }
        for (int i = 5; i < count; i++) {
            measure(&what, key, text, octets, atof(words[4]), atoi(words[i]));
        }
        functions[OPEN + 1](session);
    }
    return 0;
}
