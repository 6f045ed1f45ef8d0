"""Programs of others, run where they can do no harm: a process with limits, inside bubblewrap where that is there.

process   a worker's process: started, asked line by line under a deadline, ended with all that it started
command   the command line: what of this machine is seen from inside
worker    what runs inside: one fork an item, so that nothing of an item reaches the next
system_calls   what a program may not ask of the kernel (seccomp)
sandbox   `Sandbox`: a function of a program's file, called with a value, answers with a value or is stopped
"""
