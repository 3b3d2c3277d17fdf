#!/bin/busybox sh
# Runs as the first process of the guest: gives a group of the kernel's control groups (version 2) to an ordinary user, has the daemon work
# in it, and says what it sees, a line for each. guest.py reads the lines.
export PATH=/bin LD_LIBRARY_PATH=/lib MILLRACE_OPENVINO=0
busybox mount -t proc proc /proc
busybox --install -s /bin
mount -t sysfs sys /sys && mount -t devtmpfs dev /dev && mount -t tmpfs tmp /tmp
mount -t cgroup2 none /sys/fs/cgroup
echo +memory > /sys/fs/cgroup/cgroup.subtree_control
say() { echo "GUEST $*"; }
finish() { say "end"; sync; poweroff -f; }

root=/root-of-it group=/sys/fs/cgroup/millrace
mkdir -p $group
# As systemd does for Delegate=yes and User=.
chown 65534:65534 $group $group/cgroup.procs $group/cgroup.subtree_control $group/cgroup.threads
chown -R 65534:65534 $root
cd $root

# Runs a command of the user in the group: in the part of the daemon where there is one, since groups that are divided take no process.
inside() {
    [ -e $group/daemon ] && place=$group/daemon || place=$group
    sh -c "echo \$\$ > $place/cgroup.procs && exec su -s /bin/sh nobody -c 'HOME=$root exec $*'"
}
start() {
    inside /opt/millrace run pipelines --root $root --jobs 2 >> daemon.log 2>&1 &
    shell=$!
}
# Waits until a test holds.
until_holds() {
    for second in $(seq 120); do
        eval "$1" && return 0
        sleep 1
    done
    say "never: $1"
    inside /opt/millrace status --root $root
    tail -n 30 daemon.log
    find . -name "*greedy*"
    finish
}

inside /opt/millrace doctor --root $root | sed 's/^/DOCTOR /'
start
until_holds 'grep -q "notice running" daemon.log'
for name in good greedy; do cp models/$name.onnx spool/$name/models/m.onnx.tmp && mv spool/$name/models/m.onnx.tmp spool/$name/models/m.onnx; done
until_holds '[ -e out/good/models/ACTIVE ] && [ -e out/greedy/models/ACTIVE ]'
say "groups $(ls $group | grep -E "^(daemon|worker-)" | sed 's/-.*//' | sort | uniq -c | tr -s ' \n' ' ')"
say "daemon in $(cut -d: -f3 /proc/$(pidof millrace | tr ' ' '\n' | sort -n | tail -1)/cgroup)"
# A file that needs more memory than its pipeline may have, while another pipeline has its own.
mv data/greedy.csv spool/greedy/data/
for number in 1 2 3 4 5; do cp data/good.csv spool/good/data/$number.csv; done
(while [ ! -e done ]; do cat $group/worker-*/memory.max; sleep 0.2; done) 2> /dev/null | grep -v max | sort -u > limits &
until_holds '[ "$(ls out/good/outputs | grep -c csv)" = 5 ]'
until_holds '[ -n "$(find . -name "*greedy.csv*reason.json")" ]'
touch done
say "reason $(cat $(find . -name "*greedy.csv*reason.json") | tr -d '\n')"
sleep 1
say "limits $(tr '\n' ' ' < limits)"
# What a daemon that was killed leaves is removed by the next one.
kill -9 $(pidof millrace)
sleep 2
before=$(ls -d $group/worker-* | tr '\n' ' ')
say "left ${before:-nothing}"
start
until_holds '[ "$(grep -c "notice running" daemon.log)" = 2 ]'
until_holds "! ls -d $before > /dev/null 2>&1"
say "stale groups removed"
cp data/good.csv spool/good/data/6.csv
until_holds '[ -e out/good/outputs/6.csv ]'
kill $(pidof millrace)
wait $shell
say "status $?"
finish
