/* Every growing thing has its cap here, with the reason. Bytes unless said otherwise. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define LIMIT_JSON (64u << 20) /* one API answer; a 1.5 MB environment escaped sixfold stays far below */
#define LIMIT_JSON_DEPTH 128   /* API objects nest about 12 deep */
#define LIMIT_ERROR_BODY (64u << 10)  /* an engine's words for a fault */
#define LIMIT_HEADERS (256u << 10)    /* of one answer */
#define LIMIT_RELEASE_FILE (8u << 20) /* 1,000 tasks take 0.2 MB */
#define LIMIT_COMPOSE_FILES 200   /* of one project, by include and extends; a cycle that hides ends too */
#define LIMIT_COMPOSE_EXTENDS 200 /* one upon the other: each is a call deeper */
#define LIMIT_YAML_DEPTH 64
#define LIMIT_YAML_NODES 1000000 /* aliases count as often as they are used: no bombs */
#define LIMIT_YAML_ANCHORS 10000 /* searched one by one */
#define LIMIT_ENV_FILE (8u << 20)
#define LIMIT_ENV_STRING (128u * 1024 - 1) /* MAX_ARG_STRLEN less its NUL: execve(2) refuses more */
#define LIMIT_ENV_TOTAL (2u << 20)         /* a quarter of an 8 MiB stack: execve(2) */
#define LIMIT_FRAME (16u << 20)            /* one frame of an attached stream; engines send 32 KiB at most */
#define LIMIT_OUTPUT_QUEUE (256u << 10)    /* per stream, before the attached stream is paused */
#define LIMIT_CONFIG_JSON (1u << 20)       /* a docker config.json */
#define LIMIT_HISTORY_LINE (4u << 20)      /* one record: argv may hold 2 MiB */
#define LIMIT_ARCHIVE (16u << 20)          /* files copied from the source after its creation */
#define LIMIT_WATCH_EVENT (8u << 20)       /* one event of a cluster: etcd takes objects of 1.5 MiB */
#define LIMIT_KUBECONFIG (8u << 20)        /* one file: some hold hundreds of clusters with certificates */
#define LIMIT_TOKEN (64u << 10)            /* a bearer token: a header line that servers take */
#endif
