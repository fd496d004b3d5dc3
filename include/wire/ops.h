/* ops.h - what is said over the control socket: each op's fields. Layer: wire. */
#ifndef WIRE_OPS_H
#define WIRE_OPS_H

/*
 * One request, then one or more replies. Times are whole ns, ids are written @17, flags are 1. Every reply begins with
 * ok=1, or is the packet_error() form, which ends the exchange. A field that isn't known is left out. A repeated
 * field is marked *. A request may carry v=1, and token=, by which another container is its remote unit. An
 * unknown field is bad-request.
 *
 * ping                                 -> ok=1
 * version                              -> ok=1 version=
 * whoami                               -> ok=1 class=unit|operator|nobody [path= id=]
 * health [unit=]                       -> ok=1 yes=0|1 why=
 * ready  [unit=]                       -> ok=1 yes=0|1 why=
 * status [unit=*]                      -> ok=1 row=supervisor ..., then ok=1 row=unit ... each, then ok=1 end=1
 *        unit: these and their descendants; none: all that the caller may see. No match: no unit rows.
 * logs-path [unit=]                    -> ok=1 [dir=] [file=] [project=*]   (no dir: no log files are written)
 *        project: the unit's; without a unit those that are loaded, 16 of them
 * spawn  arg=* env=* cwd= [set_env=*] [name=] [unique=1] [ttl_ns=] [limit=KEY=N]* [policy=] [no_spawn=1]
 *        [parent=SELECTOR | parent_pid=N] [wait=1] [own_cwd=1] [on_exit=none|restart|restart-on-failure]
 *        [will=N:TARGET]*   a message for its end: N bytes of the body, which has nothing else
 *        env: the caller's whole environment; set_env: --env, on top; cwd: the caller's directory or --cwd;
 *        own_cwd=1: cwd was given by --cwd (so it counts with parent= too)
 *        [tag=N]   up to 32 of one connection may wait for their execve; each is answered with its tag, errors too, in
 *        the order in which that is known. Not with wait, attach, bind, queue_ns
 *                                      -> ok=1 id= name= path= pid= depth=   once execve succeeded
 *        with wait=1 then also         -> ok=1 row=exit ...                  once its whole tree is gone
 * stop   [unit=*] [wait=0] [timeout_ns=]
 *                                        -> ok=1 row=stopped path= [name=] kind=service|spawned each, then ok=1 end=1
 *        none: all services, operators only. unit=ID/ alone: the project is unloaded, then also row=project project=
 *        name: of a service in a project, where no other has it
 * start, restart  [unit=*] [manifest=PATH] [wait=0] [timeout_ns=]
 *                                      -> [ok=1 row=note msg=], ok=1 row=project project= each that it is all of,
 *                                         ok=1 row=started path= [name=] state= [pid=] or
 *                                         ok=1 row=failed path= [name=] state= FAILURE each, as they come (at most 300 ms
 *                                         later, for what it printed), then ok=1 end=1 failed=N
 *        manifest: absolute, operators only; one that is new is added (start). Else all that are registered are read again. none: all,
 *        operators only.
 *        wait=0: ends once it is applied. Of a unit: itself alone, ends once it is accepted.
 * reload [unit=ID/] [manifest=PATH] [dry_run=1] [wait=0] [timeout_ns=]
 *                                      -> ok=1 row=plan plan=* ..., then as of restart; of a unit: by restart:**
 *        plan: "start|restart|stop added|changed|dependent|removed NAME". dry_run: nothing but these.
 * shutdown (operators)                 -> ok=1, then ok=1 end=1 [init=1] [left=N] once every unit is down; the
 *                                         connection ends with the supervisor; init=1: it is PID 1, the asker ends before
 * loglevel level=error|warn|info|debug (operators)
 *                                      -> ok=1 was=LEVEL   for the supervisor's own lines, until it ends
 * wait   unit=* [any=1] [timeout_ns=]  -> ok=1 row=exit ... each, as they end, then ok=1 end=1
 *
 * events [unit=*] [follow=1] [since=SEQ] -> ok=1 row=event ... each, ok=1 row=lost lost=N where records were gone
 *         before they were read, then ok=1 end=1; with follow=1 that comes when the supervisor ends
 *
 * send   unit= [timeout_ns=] body       -> ok=1 msgid=   once it is in the mailbox; SG0821 where that has no room in
 *         time (5 s; 0: at once)
 * call   unit= [timeout_ns=] body       -> ok=1 row=message kind=reply ..., the reply in its body; 5 s
 * recv   [from=UNIT|operator] [type=msg,call,exit] [timeout_ns=]
 *                                       -> ok=1 row=message kind=msg|call path= [id=] msgid= [code= | signal=] [reason=]
 *         [left=N] [will=1] and the body, or ok=1 row=exit ...; no id: path=operator. It stays the first until
 * ack                                   -> ok=1   of the same connection says that it was read; closed without: it is
 *         given again. From recv to ack the connection may be idle and ask other things.
 * reply  msgid= body                    -> ok=1   to who called, once; SG0824
 *         A body is at most 1 MiB. One that no packet holds comes in several: ok=1 more=1 FIELDS body, ok=1 more=1 body,
 *         ..., ok=1 body.
 *
 * signal unit= signal=N [tree=1]       -> ok=1 row=signalled path= kind=service|spawned signal=N processes=N, then ok=1 end=1
 *         once it was sent; with tree=1 to every process below the unit too
 *
 * row=event: seq= ts= event= [path= id=] [code=SGxxxx] [detail=]   event: a word of EVENT_WORDS in node/event.h
 *
 * row=exit: kind=exit path= id= msgid=- [code= | signal=] reason= [left=N] [lost=N]
 *
 * row=supervisor: captured_at= pid= mode=init|subreaper version= uptime_ns= containment=cgroup|mark|session
 *        own_reaped= adopted_reaped= turns= longest_turn_ns= longest_turn_cpu_ns= rss_bytes= connections= events_dropped= overall=
 *        shutting_down=1 manifest= project_id= [project_only=] project_mode=foreground|daemon
 *
 * row=unit: id= path= name= [project= project_name=] kind=service|spawned [parent=@N] [orphan=1] depth= state= intent= health= lifecycle= [hash=]
 *        [pid= user= pstate=] [started_at=] [uptime_ns=] [exit_code= | exit_signal=] [exit_reason=] [exit_peak_bytes=] restarts=
 *        command= [ttl_ns= ttl_left_ns=] children= descendants= ever= [limit_children= limit_depth= limit_descendants=
 *        limit_ever= limit_rate= limit_ttl_ns=] [policy=] [rss_bytes=] [left=N] [FAILURE] [containment=]
 *        FAILURE: error=SGxxxx why=TEXT [help=TEXT] [file= line= col=] [lines=TEXT], the place in the manifest and what it
 *        printed last
 *        limits only where the unit has one of its own. started_at and captured_at: "2026-05-14T02:05:13.470911Z".
 */

#endif
