/* What nobody can do without on a cluster: the bare API calls of one job over one kept connection (HTTP/2),
 * with nothing promised: create the Job, watch its pod until the command has ended, read the log.
 *
 *   kube_floor SERVER CA-FILE TOKEN-FILE NAMESPACE NAME <JOB      JOB: its JSON, named NAME
 *
 * The log goes to stdout; the exit status is the command's. The Job stays. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX (1 << 20)

struct watched {
  char text[BODY_MAX]; /* of the event that is coming */
  size_t length;
  char pod[256];
  int status; /* of the command; -1: it has not ended */
};

static void die(const char *what) {
  fprintf(stderr, "kube_floor: %s\n", what);
  exit(125);
}

static void read_word(const char *path, char *word, size_t size) {
  FILE *f = fopen(path, "re");
  if (!f || !fgets(word, (int)size, f)) die(path);
  word[strcspn(word, "\n")] = '\0';
  fclose(f);
}

static size_t drop(char *data, size_t size, size_t n, void *into) {
  (void)data, (void)into;
  return size * n;
}

/* One line is one event. What is looked for stands in it once: the pod has one container. */
static void look(struct watched *w) {
  char *end = strstr(w->text, "\"terminated\":{\"exitCode\":"),
       *name = strstr(w->text, "\"metadata\":{\"name\":\"");
  if (!end || !name) return;
  w->status = atoi(end + strlen("\"terminated\":{\"exitCode\":"));
  sscanf(name + strlen("\"metadata\":{\"name\":\""), "%255[^\"]", w->pod);
}

static size_t on_event(char *data, size_t size, size_t n, void *into) {
  struct watched *w = into;
  n *= size;
  for (size_t i = 0; i < n; i++) {
    if (w->length + 1 >= sizeof w->text) die("a large event");
    w->text[w->length++] = data[i];
    w->text[w->length] = '\0';
    if (data[i] != '\n') continue;
    look(w);
    w->length = 0;
    if (w->status >= 0) return 0; /* enough: the stream is reset, the connection stays */
  }
  return n;
}

static void ask(CURL *c, const char *url, curl_write_callback to, void *into, CURLcode also_fine) {
  long status = 0;
  curl_easy_setopt(c, CURLOPT_URL, url);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, to);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, into);
  CURLcode r = curl_easy_perform(c);
  if (r != CURLE_OK && r != also_fine) die(curl_easy_strerror(r));
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  if (status / 100 != 2) {
    fprintf(stderr, "kube_floor: %s: %ld\n", url, status);
    exit(125);
  }
}

int main(int argc, char **argv) {
  static char body[BODY_MAX], token[4096], header[5000], url[2048];
  static struct watched w = {.status = -1};
  if (argc != 6) die("usage: kube_floor SERVER CA-FILE TOKEN-FILE NAMESPACE NAME <JOB");
  body[fread(body, 1, sizeof body - 1, stdin)] = '\0';
  read_word(argv[3], token, sizeof token);
  snprintf(header, sizeof header, "Authorization: Bearer %s", token);
  CURL *c = curl_easy_init();
  struct curl_slist *headers =
      curl_slist_append(curl_slist_append(NULL, header), "Content-Type: application/json");
  if (!c || !headers) die("libcurl");
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(c, CURLOPT_CAINFO, argv[2]);
  curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);

  snprintf(url, sizeof url, "%s/apis/batch/v1/namespaces/%s/jobs", argv[1], argv[4]);
  curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
  ask(c, url, drop, NULL, CURLE_OK);
  curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
  snprintf(url, sizeof url, "%s/api/v1/namespaces/%s/pods?watch=1&labelSelector=job-name%%3D%s", argv[1],
           argv[4], argv[5]);
  ask(c, url, on_event, &w, CURLE_WRITE_ERROR);
  if (w.status < 0) die("the watch ended before the command");
  snprintf(url, sizeof url, "%s/api/v1/namespaces/%s/pods/%s/log", argv[1], argv[4], w.pod);
  ask(c, url, (curl_write_callback)fwrite, stdout, CURLE_OK);
  return w.status;
}
