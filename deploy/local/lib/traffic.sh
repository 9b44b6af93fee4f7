# The first thing a newcomer sees: sample traffic through the public doors, leads with their reasons as they come, then
# addresses and commands to paste. Sourced by run.sh, which brought everything up.
# Needs $state, $simulator, $leadflow, $leadflow_log and the variables of .local/env.
# shellcheck shell=bash disable=SC2154
# (the caller sets the variables named above)

traffic_log="$state/log/traffic.log"
watch_pid='' first_pid='' simulator_pid=''

# stop_helpers: the watcher and the simulator, if they still run.
stop_helpers() {
    local pid
    for pid in $watch_pid $first_pid $simulator_pid; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    watch_pid='' first_pid='' simulator_pid=''
}

# next_run_number: counts the runs of this checkout. It goes into seed, people and message ids, so that a second run
# brings new leads and not only duplicates.
next_run_number() {
    local number
    number=$(cat "$state/run-number" 2>/dev/null) || number=0
    number=$((number + 1))
    printf '%s\n' "$number" >"$state/run-number"
    printf '%s' "$number"
}

# send_traffic: leads appear on the terminal while it is sent; returns when it all went out and the last leads are shown.
send_traffic() {
    run_number=$(next_run_number)
    phase "Sending the sample traffic of run $run_number; assigned leads with their reasons:"
    printf '\n'
    "$simulator" setup >"$traffic_log" 2>&1 </dev/null ||
        fail 'the sample reps and pools were not made' 'simulator setup ended with an error' "less $traffic_log" "$traffic_log"
    # One follows for the person, one only tells that the first lead is there.
    "$leadflow" watch </dev/null 8>&- &
    watch_pid=$!
    "$leadflow" watch --exit-after 1 --json >"$state/log/first-lead.json" 2>/dev/null </dev/null 8>&- &
    first_pid=$!
    sleep 0.5
    # The log has the curl of each call; the terminal only says who came by.
    "$simulator" run --run-number "$run_number" --print-curl --linger 3 </dev/null 8>&- \
        > >(tee -a "$traffic_log" | sed -un "s/^ \{2,\}[0-9.]*s  \(.*\)/$dim\1$plain/p") 2>&1 &
    simulator_pid=$!
    wait_for_first_lead
    wait_for_simulator
}

wait_for_first_lead() {
    local deadline=$((SECONDS + 60))
    start_ticker 'waiting for the first lead' lines
    while kill -0 "$first_pid" 2>/dev/null; do
        check_leadflow
        [ "$SECONDS" -lt "$deadline" ] ||
            fail 'no lead was assigned within 60 s' 'look for the reason in the two logs' \
                "less $leadflow_log $traffic_log" "$leadflow_log"
        sleep 0.1
    done
    stop_ticker
    wait "$first_pid" || fail 'the assigned leads cannot be watched' 'leadflow watch ended with an error' \
        "$leadflow watch (after: . $state/env)" "$leadflow_log"
    first_pid=''
}

wait_for_simulator() {
    local code=0
    wait "$simulator_pid" || code=$?
    simulator_pid=''
    [ "$code" = 0 ] || fail 'the sample traffic was not sent in full' "the simulator ended with code $code" \
        "less $traffic_log" "$traffic_log"
    # The last leads are a moment behind the last request.
    sleep 1
    check_leadflow
}

show_addresses() {
    printf '\n'
    phase 'Everything runs'
    cat <<END

  doors for marketing   $LEADFLOW_INGEST_URL   HTTP (Segment-compatible, forms, e-mail) and gRPC
  leads                 $LEADFLOW_QUALIFICATION_URL   gRPC
  for sales tools       $LEADFLOW_ASSIGNMENT_URL   HTTP long poll and gRPC
  links of our mails    $LEADFLOW_NURTURE_URL   HTTP; journeys: gRPC
  mails that were sent  $(short "$mails")   caught here, delivered to nobody: $(short "$mail_catcher") list $(short "$mails")
  health and metrics    the same ports + 1000: /readyz /metrics
  Apache Kafka          $KAFKA_BROKERS
  PostgreSQL            psql "\$DATABASE_URL"
  addresses and keys    .local/env
  logs                  .local/log/leadflow.log; the traffic, line by line: .local/log/traffic.log
END
}

show_next_steps() {
    local email
    email=$(grep -o '"email":"[^"]*"' "$state/log/first-lead.json" | head -n 1 | cut -d '"' -f 4) || true
    cat <<END

${bold}Three things to try${plain} (in another terminal, in this folder; first:  . .local/env)

  1. Why is this lead worth a call, and why this sales executive?
     $(short "$leadflow") lead explain ${email:---all}

  2. Raise a hand yourself, and watch the lead appear here:
     curl -u "\$LEADFLOW_WRITE_KEY:" -H 'content-type: application/json' "\$LEADFLOW_INGEST_URL/v1/track" -d \\
     '{"event":"Demo Requested","userId":"you-$run_number","messageId":"try-$run_number","context":{"traits":{"email":"you-$run_number@newcomer.example","firstName":"You"}}}'

  3. Read the assigned leads as a sales tool would:
     curl -H "authorization: Bearer \$LEADFLOW_API_KEY" "\$LEADFLOW_ASSIGNMENT_URL/v1/assignment-events?limit=3"
END
}

# short PATH: as seen from the checkout.
short() {
    printf '%s' "${1#"$root"/}"
}
