# run-once in an image, for CI steps and Job templates: `make release` first, then
#   docker build -t run-once .
#   docker run --rm -v /var/run/docker.sock:/var/run/docker.sock -v run-once:/var/lib/run-once run-once --from compose/web -- bin/migrate
# The release build needs nothing but certificates and, for engines by ssh, ssh. The history lives in /var/lib/run-once: give it a volume.
FROM debian:bookworm-slim
COPY build/release/run-once /usr/local/bin/run-once
VOLUME /var/lib/run-once
ENTRYPOINT ["run-once"]
CMD ["help"]
