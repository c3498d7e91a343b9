"""A Compose file of N services such as people write: a common block by anchor and merge key, variables, a volume, a
network, and a dependency on the next one. Used by run (times) and instructions (counts)."""


def write(path, count):
    with open(path, "w") as f:
        f.write("name: bench\nx-common: &common\n  restart: always\n  environment: {LEVEL: \"${LEVEL:-info}\"}\nservices:\n")
        for i in range(count):
            f.write(f"  s{i}:\n    <<: *common\n    image: run-once-test\n    command: [serve, --port, \"{8000 + i}\"]\n"
                    f"    environment: {{NAME: s{i}, HOST: \"${{HOST_{i}:-none}}\"}}\n    volumes: [\"data{i % 10}:/data:ro\"]\n    networks: [front]\n")
            if i:
                f.write(f"    depends_on: [s{i - 1}]\n")
        f.write("networks: {front: {}}\nvolumes:\n" + "".join(f"  data{i}: {{}}\n" for i in range(10)))


def last(count):
    return f"s{count - 1}"
