/* YAML 1.2 core schema (spec 10.3.2): the type of a plain scalar by its text. Private to yaml.c. */
#ifndef DATA_YAML_SCHEMA_H
#define DATA_YAML_SCHEMA_H
#include "data/yaml.h"

enum yaml_kind yaml_plain_kind(const char *text);
/* The kind that a tag of the core schema forces ("tag:yaml.org,2002:str"), or -1 for any other tag. */
int yaml_tag_kind(const char *tag);
#endif
