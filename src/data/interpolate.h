/* The Compose specification's ${} forms (spec 12-interpolation): ${V} ${V:-d} ${V-d} ${V:?e} ${V?e} ${V:+r}
 * ${V+r}, nested in defaults. `$$` gives `$`. With bare_names also $V (env files,
 * Compose files), and a dollar that begins nothing stays; without (release file) $NAME stays. */
#ifndef DATA_INTERPOLATE_H
#define DATA_INTERPOLATE_H
#include "base/error.h"
#include "data/envfile.h"
#include <stdbool.h>

struct interpolation {
  lookup_fn *lookup;
  void *data;
  bool bare_names;
  bool unset_is_error; /* image:, from:, once:, lock: of a release file */
};
/* New string for free(), or NULL with ERR_CONFIG (the :? message, "VAR is not set", bad substitution).
 * Nesting is limited to 16. Sets *ret_unset (may be NULL) to the first unset name that became empty (owned by
 * caller). */
char *interpolate(const char *text, const struct interpolation *how, char **ret_unset, struct error *err);
#endif
