/* What a pod says: every ending of a container, and why one does not start. The documents are those that
 * kubelets write, cut to what counts. */
#include "base/alloc.h"
#include "data/json.h"
#include "descriptors.h"
#include "runtime/kube/said.h"
#include <stdlib.h>
#include <string.h>

#define META "'metadata':{'uid':'u','creationTimestamp':'2026-11-29T10:00:00Z'"
#define SPEC "'spec':{'nodeName':'node','containers':[{'name':'web'},{'name':'mesh'}]}"
/* A pod whose container web is in that state; more: after the container's statuses. */
#define POD(meta, phase, state, more)                                                                        \
  "{" META meta "}," SPEC ",'status':{'phase':'" phase                                                       \
  "','containerStatuses':[{'name':'mesh','state':{'running':{}}},{'name':'web','image':'shop:1','state':"    \
  "{" state "}}]" more "}}"
#define ENDED(code, reason, more)                                                                            \
  "'terminated':{'exitCode':" #code ",'reason':'" reason                                                     \
  "','startedAt':'2026-11-29T10:00:05Z','finishedAt':'2026-11-29T10:00:20Z'" more "}"
#define WAITING(reason, message) "'waiting':{'reason':'" reason "','message':'" message "'}"
#define RUNS "'running':{'startedAt':'2026-11-29T10:00:05Z'}"
#define DELETED_AT(time) ",'deletionTimestamp':'" time "','deletionGracePeriodSeconds':30"

/* JSON with single quotes; "~" stands for a double quote inside a text. */
static json_t *json(const char *text) {
  char *copy = xmalloc(strlen(text) * 2 + 1), *q = copy;
  json_error_t e;
  for (const char *p = text; *p; p++) {
    if (*p == '~') *q++ = '\\';
    *q++ = *p == '\'' || *p == '~' ? '"' : *p;
  }
  *q = '\0';
  json_t *j = json_loads(copy, JSON_DECODE_ANY, &e);
  if (!j) fail_msg("%s in %s", e.text, copy);
  free(copy);
  return j;
}

struct end {
  const char *pod;
  enum kube_phase phase;
  int status;
  bool started;
  int exit_code;
  enum state_end end;
  const char *error;
};

static const struct end ends[] = {
    {POD("", "Running", RUNS, ""), KUBE_RUNNING, STATE_RUNNING, true, -1, END_UNTOLD, ""},
    /* its own state counts, a sidecar lingers */
    {POD("", "Running", ENDED(0, "Completed", ""), ""), KUBE_ENDED, STATE_EXITED, true, 0, END_UNTOLD, ""},
    {POD("", "Failed", ENDED(3, "Error", ",'message':'last\\nwords'"), ""), KUBE_ENDED, STATE_EXITED, true, 3,
     END_UNTOLD, "last; words"},
    {POD("", "Failed", ENDED(143, "Error", ""), ""), KUBE_ENDED, STATE_EXITED, true, 143, END_UNTOLD, ""},
    {POD("", "Failed", ENDED(137, "OOMKilled", ""), ""), KUBE_ENDED, STATE_EXITED, true, 137, END_UNTOLD, ""},
    /* evicted, newer and older kubelets: those before 1.22 forget the containers */
    {POD("", "Failed", ENDED(0, "Completed", ""), ",'reason':'Evicted','message':'low on memory'"),
     KUBE_ENDED, STATE_EXITED, true, 0, END_EVICTED, ""},
    {"{" META "}," SPEC ",'status':{'phase':'Failed','reason':'Evicted','message':'low on memory'}}",
     KUBE_ENDED, STATE_EXITED, true, -1, END_EVICTED, "Evicted: low on memory"},
    {"{" META "}," SPEC ",'status':{'phase':'Failed','reason':'DeadlineExceeded','message':'active'}}",
     KUBE_ENDED, STATE_EXITED, true, -1, END_DEADLINE, "DeadlineExceeded: active"},
    {POD("", "Failed", ENDED(143, "Error", ""), ",'reason':'DeadlineExceeded'"), KUBE_ENDED, STATE_EXITED,
     true, 143, END_DEADLINE, ""},
    /* kubelet 1.20 leaves what it said of the container before */
    {POD("", "Failed", RUNS, ",'reason':'DeadlineExceeded'"), KUBE_ENDED, STATE_EXITED, true, -1,
     END_DEADLINE, "DeadlineExceeded"},
    /* the deadline passed while the image was still being pulled */
    {POD("", "Failed", WAITING("ContainerCreating", ""), ",'reason':'DeadlineExceeded'"), KUBE_ENDED,
     STATE_DEAD, false, -1, END_DEADLINE, "DeadlineExceeded"},
    {POD("", "Failed", ENDED(0, "Completed", ""),
         ",'reason':'Terminated','message':'Pod was terminated in "
         "response to imminent node shutdown.'"),
     KUBE_ENDED, STATE_EXITED, true, 0, END_EVICTED, ""},
    {POD("", "Failed", ENDED(143, "Error", ""),
         ",'conditions':[{'type':'DisruptionTarget','status':'True','reason':'PreemptionByScheduler'}]"),
     KUBE_ENDED, STATE_EXITED, true, 143, END_EVICTED, ""},
    {POD("", "Failed", ENDED(0, "Completed", ""),
         ",'conditions':[{'type':'DisruptionTarget','status':'False','reason':'PreemptionByScheduler'}]"),
     KUBE_ENDED, STATE_EXITED, true, 0, END_UNTOLD, ""},
    {POD("", "Failed", ENDED(137, "Error", ""),
         ",'conditions':[{'type':'DisruptionTarget','status':'True','reason':'DeletionByPodGC'}]"),
     KUBE_ENDED, STATE_EXITED, true, 137, END_NODE_LOST, ""},
    /* refused by the node: never begun */
    {"{" META "}," SPEC ",'status':{'phase':'Failed','reason':'OutOfcpu','message':'no room'}}", KUBE_ENDED,
     STATE_DEAD, false, -1, END_UNTOLD, "OutOfcpu: no room"},
    {"{" META "}," SPEC ",'status':{'phase':'Failed','reason':'NodeAffinity','message':'m'}}", KUBE_ENDED,
     STATE_DEAD, false, -1, END_EVICTED, "NodeAffinity: m"},
    /* deletion was asked for at 10:00:10, while it ran: an exit with 0 is no success */
    {POD(DELETED_AT("2026-11-29T10:00:40Z"), "Running", ENDED(0, "Completed", ""), ""), KUBE_ENDED,
     STATE_EXITED, true, 0, END_DELETED, ""},
    {POD(DELETED_AT("2026-11-29T10:00:40Z"), "Running", RUNS, ""), KUBE_RUNNING, STATE_RUNNING, true, -1,
     END_DELETED, ""},
    /* within five seconds, the clocks are of two machines: perhaps; later: somebody cleared away */
    {POD(DELETED_AT("2026-11-29T10:00:50Z"), "Running", ENDED(0, "Completed", ""), ""), KUBE_ENDED,
     STATE_EXITED, true, 0, END_DELETED, ""},
    {POD(DELETED_AT("2026-11-29T10:00:55Z"), "Running", ENDED(0, "Completed", ""), ""), KUBE_ENDED,
     STATE_EXITED, true, 0, END_DELETED, ""},
    {POD(DELETED_AT("2026-11-29T10:00:56Z"), "Running", ENDED(0, "Completed", ""), ""), KUBE_ENDED,
     STATE_EXITED, true, 0, END_UNTOLD, ""},
    /* drained: the eviction is a deletion, newer servers say so */
    {POD(DELETED_AT("2026-11-29T10:00:40Z"), "Running", ENDED(0, "Completed", ""),
         ",'conditions':[{'type':'DisruptionTarget','status':'True','reason':'EvictionByEvictionAPI'}]"),
     KUBE_ENDED, STATE_EXITED, true, 0, END_EVICTED, ""},
    /* the kubelet does not know: its 137 is made up */
    {POD("", "Failed", ENDED(137, "ContainerStatusUnknown", ""), ""), KUBE_ENDED, STATE_EXITED, true, -1,
     END_NODE_LOST, ""},
    {POD(DELETED_AT("2026-11-29T10:00:40Z"), "Running",
         "'terminated':{'exitCode':137,'reason':'ContainerStatusUnknown','startedAt':null,'finishedAt':null}",
         ""),
     KUBE_ENDED, STATE_EXITED, true, -1, END_DELETED, ""},
    /* those before 1.21 make a 0 up, and nothing beside it */
    {POD(DELETED_AT("2026-11-29T10:00:40Z"), "Running",
         "'terminated':{'exitCode':0,'startedAt':null,'finishedAt':null}", ""),
     KUBE_ENDED, STATE_EXITED, true, -1, END_DELETED, ""},
    {POD("", "Unknown", RUNS, ""), KUBE_LOST, STATE_RUNNING, true, -1, END_NODE_LOST, ""},
    {POD("", "Running", RUNS, ",'reason':'NodeLost'"), KUBE_LOST, STATE_RUNNING, true, -1, END_NODE_LOST, ""},
    /* could not be started: containerd, and dockershim with docker's own code and made up times */
    {POD("", "Failed",
         "'terminated':{'exitCode':128,'reason':'StartError','startedAt':'1970-01-01T00:00:00Z','message':"
         "'failed to create containerd task: exec: ~nope~: executable file not found in $PATH: unknown'}",
         ""),
     KUBE_ENDED, STATE_DEAD, false, 127, END_UNTOLD,
     "failed to create containerd task: exec: \"nope\": executable file not found in $PATH: unknown"},
    {POD("", "Failed",
         "'terminated':{'exitCode':128,'reason':'StartError','message':'exec: ~/tmp~: permission denied'}",
         ""),
     KUBE_ENDED, STATE_DEAD, false, 126, END_UNTOLD, "exec: \"/tmp\": permission denied"},
    {POD("", "Failed",
         "'terminated':{'exitCode':128,'reason':'StartError','message':'mount /x: no such file or "
         "directory'}",
         ""),
     KUBE_ENDED, STATE_DEAD, false, 128, END_UNTOLD, "mount /x: no such file or directory"},
    {POD("", "Failed", ENDED(127, "ContainerCannotRun", ",'message':'OCI'"), ""), KUBE_ENDED, STATE_DEAD,
     false, 127, END_UNTOLD, "OCI"},
    /* an init container failed */
    {"{" META "}," SPEC
     ",'status':{'phase':'Failed','initContainerStatuses':[{'name':'wait','state':{'terminated':"
     "{'exitCode':2,'reason':'Error'}}}],'containerStatuses':[{'name':'web','state':{'waiting':{'reason':"
     "'PodInitializing'}}}]}}",
     KUBE_ENDED, STATE_DEAD, false, -1, END_UNTOLD, "init container wait ended with status 2"},
    {POD("", "Pending", WAITING("ContainerCreating", ""), ""), KUBE_WAITING, STATE_RUNNING, false, -1,
     END_UNTOLD, ""},
    {"{" META "},'spec':{},'status':{'phase':'Pending'}}", KUBE_WAITING, STATE_RUNNING, false, -1, END_UNTOLD,
     ""},
    {"{}", KUBE_WAITING, STATE_RUNNING, false, -1, END_UNTOLD, ""},
};

static void every_ending(void **state) {
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
    json_t *pod = json(ends[i].pod);
    struct container_state s;
    print_message("%zu: %s\n", i, ends[i].pod);
    assert_int_equal(kube_status(pod, "web", &s), ends[i].phase);
    assert_int_equal(s.status, ends[i].status);
    assert_int_equal(s.ever_started, ends[i].started);
    assert_int_equal(s.exit_code, ends[i].exit_code);
    assert_int_equal(s.end, ends[i].end);
    assert_string_equal(s.error, ends[i].error);
    assert_int_equal(s.oom_killed, strstr(ends[i].pod, "OOMKilled") != NULL);
    json_decref(pod);
  }
}

static void times_and_container(void **state) {
  (void)state;
  struct container_state s;
  json_t *pod = json(POD(",'annotations':{'run-once/container':'web'}", "Failed", ENDED(3, "Error", ""), ""));
  assert_string_equal(kube_container(pod), "web");
  kube_status(pod, "web", &s);
  assert_string_equal(s.created_at, "2026-11-29T10:00:00Z");
  assert_string_equal(s.started_at, "2026-11-29T10:00:05Z");
  assert_string_equal(s.finished_at, "2026-11-29T10:00:20Z");
  json_decref(pod);
}

/* --- hopeless --- */

#define EVENTS(reason, message) "[{'reason':'" reason "','message':'" message "'}]"
struct hopeless {
  const char *pod, *events;
  enum error_kind kind; /* in the end */
  int64_t grace_ms;     /* not before */
  const char *text;
};
#define UNSCHEDULABLE(message)                                                                               \
  "{" META "},'spec':{},'status':{'phase':'Pending','conditions':[{'type':'PodScheduled','status':'False',"  \
  "'reason':'Unschedulable','message':'" message "'}]}}"

static const struct hopeless table[] = {
    {POD("", "Pending", WAITING("ContainerCreating", ""), ""), "[]", ERR_NONE, 0, ""},
    {POD("", "Pending", WAITING("InvalidImageName", "couldn\\u0027t parse image reference"), ""), "[]",
     ERR_IMAGE, 0, "image 'shop:1' failed: couldn't parse image reference"},
    {POD("", "Pending",
         WAITING("ErrImageNeverPull", "Container image is not present with pull policy of Never"), ""),
     "[]", ERR_IMAGE, 0, "image 'shop:1' failed: Container image is not present with pull policy of Never"},
    {POD("", "Pending", WAITING("ErrImagePull", "manifest unknown"), ""), "[]", ERR_IMAGE, 0,
     "image 'shop:1' failed: manifest unknown"},
    {POD("", "Pending", WAITING("ErrImagePull", "dial tcp: i/o timeout"), ""), "[]", ERR_IMAGE, 25000,
     "image 'shop:1' failed: dial tcp: i/o timeout"},
    /* the back-off says nothing, the event of the pull does */
    {POD("", "Pending", WAITING("ImagePullBackOff", "Back-off pulling image"), ""),
     EVENTS("Failed", "Failed to pull image: pull access denied for shop"), ERR_IMAGE, 0,
     "image 'shop:1' failed: Failed to pull image: pull access denied for shop"},
    {POD("", "Pending", WAITING("ImagePullBackOff", "Back-off pulling image"), ""), "[]", ERR_IMAGE, 25000,
     "image 'shop:1' failed: Back-off pulling image"},
    {POD("", "Pending", WAITING("CreateContainerConfigError", "secret ~shop~ not found"), ""), "[]",
     ERR_MISSING, 3000, "start failed: secret \"shop\" not found"},
    {POD("", "Pending", WAITING("CreateContainerConfigError", "couldn\\u0027t find key k in Secret ns/shop"),
         ""),
     "[]", ERR_MISSING, 3000, "start failed: couldn't find key k in Secret ns/shop"},
    {POD("", "Pending",
         WAITING("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"), ""),
     "[]", ERR_CONFIG, 0, "start failed: container has runAsNonRoot and image will run as root"},
    {POD("", "Pending", WAITING("CreateContainerError", "device busy"), ""), "[]", ERR_ENGINE, 10000,
     "start failed: device busy"},
    {POD("", "Pending", WAITING("CreateContainerError", "exec: ~nope~: executable file not found in $PATH"),
         ""),
     "[]", ERR_NOT_FOUND, 0, "start failed: exec: \"nope\": executable file not found in $PATH"},
    {POD("", "Pending", WAITING("RunContainerError", "exec: ~/etc~: permission denied"), ""), "[]",
     ERR_NOT_EXECUTABLE, 0, "start failed: exec: \"/etc\": permission denied"},
    {UNSCHEDULABLE("0/1 nodes are available: 1 Insufficient cpu."), "[]", ERR_UNSCHEDULABLE, 10000,
     "start failed: no node can take the pod: 0/1 nodes are available: 1 Insufficient cpu."},
    {UNSCHEDULABLE("0/1 nodes are available"), EVENTS("TriggeredScaleUp", "pod triggered scale-up"), ERR_NONE,
     0, ""},
    {UNSCHEDULABLE("persistentvolumeclaim ~data~ not found"), "[]", ERR_MISSING, 3000,
     "start failed: persistentvolumeclaim \"data\" not found"},
    {POD("", "Pending", WAITING("ContainerCreating", ""), ""),
     EVENTS("FailedMount", "MountVolume.SetUp failed: configmap ~c~ not found"), ERR_MISSING, 3000,
     "start failed: MountVolume.SetUp failed: configmap \"c\" not found"},
    /* healed: the image is being pulled by now */
    {POD("", "Pending", WAITING("ContainerCreating", ""), ""),
     "[{'reason':'FailedMount','message':'configmap not found'},{'reason':'Pulling','message':'Pulling "
     "image'}]",
     ERR_NONE, 0, ""},
    {POD("", "Pending", WAITING("ContainerCreating", ""), ""),
     EVENTS("FailedAttachVolume", "Multi-Attach error for volume"), ERR_ENGINE, 120000,
     "start failed: Multi-Attach error for volume"},
    /* no pod at all */
    {NULL, "[]", ERR_NONE, 0, ""},
    {NULL, EVENTS("FailedCreate", "pods ~x~ is forbidden: exceeded quota: q, requested: pods=1"), ERR_QUOTA,
     0, "start failed: pods \"x\" is forbidden: exceeded quota: q, requested: pods=1"},
    {NULL, EVENTS("FailedCreate", "violates PodSecurity ~restricted:latest~"), ERR_PERMISSION, 0,
     "start failed: violates PodSecurity \"restricted:latest\""},
    {NULL, EVENTS("FailedCreate", "error looking up service account shop/x: serviceaccount ~x~ not found"),
     ERR_MISSING, 3000,
     "start failed: error looking up service account shop/x: serviceaccount \"x\" not found"},
    {NULL, EVENTS("FailedCreate", "Internal error: failed calling webhook"), ERR_ENGINE, 10000,
     "start failed: Internal error: failed calling webhook"},
};

static void why_it_does_not_start(void **state) {
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(table); i++) {
    const struct hopeless *h = &table[i];
    struct error err = ERROR_INIT;
    json_t *pod = h->pod ? json(h->pod) : NULL, *events = json(h->events);
    print_message("%zu: %s\n", i, h->text);
    assert_int_equal(kube_hopeless(pod, "web", events, INT64_MAX, &err), h->kind);
    assert_string_equal(err.text, h->text);
    assert_int_equal(err.kind, h->kind);
    if (h->grace_ms) assert_int_equal(kube_hopeless(pod, "web", events, h->grace_ms - 1, &err), ERR_NONE);
    assert_int_equal(kube_hopeless(pod, "web", events, h->grace_ms, &err), h->kind);
    json_decref(pod);
    json_decref(events);
  }
}

/* A sidecar, or an init container, that cannot start holds up the command, too. */
static void of_another_container(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  json_t *pod =
      json("{" META "}," SPEC ",'status':{'phase':'Pending','initContainerStatuses':[{'name':'wait','image':"
           "'w:1','state':{'waiting':{'reason':'InvalidImageName'}}}],'containerStatuses':[{'name':'web',"
           "'state':{'waiting':{'reason':'PodInitializing'}}}]}}");
  assert_int_equal(kube_hopeless(pod, "web", NULL, 0, &err), ERR_IMAGE);
  assert_string_equal(err.text, "image 'w:1' failed: InvalidImageName");
  json_decref(pod);
}

static void words(const char *pod, const char *want) {
  json_t *p = json(pod);
  char *got = kube_waiting_words(p, "web");
  assert_string_equal(got, want);
  free(got);
  json_decref(p);
}

static void waiting_words(void **state) {
  (void)state;
  words("{" META "},'spec':{},'status':{'phase':'Pending'}}", "scheduling");
  words(POD("", "Pending", WAITING("ContainerCreating", ""), ""), "creating");
  words(POD("", "Pending", WAITING("ErrImagePull", "x"), ""), "pulling shop:1");
  words("{" META "}," SPEC ",'status':{'initContainerStatuses':[{'name':'wait','state':{'running':{}}}]}}",
        "running init container wait");
}

/* Its node does not answer any more: the cluster has taken "Ready" away, and the kubelet's last word was that
 * all is well. */
static void a_node_that_is_silent(void **state) {
  (void)state;
  static const struct {
    const char *conditions, *gates;
    bool silent;
  } rows[] = {
      {"{'type':'ContainersReady','status':'True'},{'type':'Ready','status':'False'}", "[]", true},
      {"{'type':'ContainersReady','status':'True'},{'type':'Ready','status':'Unknown'}", "[]", true},
      {"{'type':'ContainersReady','status':'True'},{'type':'Ready','status':'True'}", "[]", false},
      /* the kubelet says so itself: a probe, or a container that has ended */
      {"{'type':'ContainersReady','status':'False'},{'type':'Ready','status':'False'}", "[]", false},
      {"{'type':'Ready','status':'False'}", "[]", false},
      {"", "[]", false},
      /* somebody else's gate is not open */
      {"{'type':'ContainersReady','status':'True'},{'type':'Ready','status':'False'}",
       "[{'conditionType':'lb'}]", false},
  };
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    CLEANUP_FREE char *text = xprintf(
        "{" META "},'spec':{'nodeName':'n','containers':[{'name':'web'}],'readinessGates':%s},'status':{"
        "'conditions':[%s],'containerStatuses':[{'name':'web','state':{" RUNS "}}]}}",
        rows[i].gates, rows[i].conditions);
    json_t *pod = json(text);
    print_message("%zu\n", i);
    assert_int_equal(kube_silent(pod), rows[i].silent);
    json_decref(pod);
  }
}

static void untouched(const char *statuses, bool expected) {
  CLEANUP_FREE char *text = xprintf("{" META "}," SPEC ",'status':{%s}}", statuses);
  json_t *pod = json(text);
  print_message("%s\n", statuses);
  assert_int_equal(kube_untouched(pod), expected);
  json_decref(pod);
}

/* A pod may be taken off the server at once only if nothing of it ever ran. */
static void a_pod_of_which_nothing_ran(void **state) {
  (void)state;
  untouched("'phase':'Pending'", true);
  untouched("'containerStatuses':[{'name':'web','started':false,'state':{" WAITING("ErrImagePull", "x") "}}]",
            true);
  untouched("'containerStatuses':[{'name':'web','state':{" WAITING(
                "x", "x") "}},{'name':'mesh','state':{" RUNS "}}]",
            false);
  untouched("'containerStatuses':[{'name':'web','state':{" WAITING("x", "x") "},'lastState':{" ENDED(
                1, "Error", "") "}}]",
            false);
  untouched("'initContainerStatuses':[{'name':'wait','state':{" ENDED(0, "Completed", "") "}}]", false);
  untouched("'containerStatuses':[{'name':'web','started':true,'state':{}}]", false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_ending),
      cmocka_unit_test(times_and_container),
      cmocka_unit_test(why_it_does_not_start),
      cmocka_unit_test(of_another_container),
      cmocka_unit_test(waiting_words),
      cmocka_unit_test(a_node_that_is_silent),
      cmocka_unit_test(a_pod_of_which_nothing_ran),
  };
  return RUN_TESTS(tests);
}
