/* Inside src/job/: the one call from launch.c into job.c. */
#ifndef JOB_ORDER_H
#define JOB_ORDER_H
struct job;
/* From nothing to the job's end; j->o is complete afterwards. */
void job_carry_out(struct job *j);
#endif
