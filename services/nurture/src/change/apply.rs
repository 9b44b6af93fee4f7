//! What follows of steps that were taken: the new place, facts, mails, tasks, calls, acts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadflow_proto::engagement::v1::EngagementKind;
use leadflow_proto::nurture::v1::nurture_event::Fact;
use leadflow_proto::nurture::v1::{StepTaken, Task};
use uuid::Uuid;

use super::{Change, NewMail};
use crate::domain::state::{Advanced, Effect, Line, SignalEffect, TaskEffect, WebhookEffect};
use crate::held::Held;
use crate::journeys::Compiled;
use crate::store::enrollment::Enrollment;
use crate::store::webhook::NewCall;
use crate::wire::engagement::{self, Act};
use crate::wire::to_proto_time;

impl Change<'_> {
    pub(super) fn apply(&mut self, held: &mut Held, number: usize, compiled: &Compiled, advanced: Advanced) {
        let Advanced { state, lines, effects, ended, entered, .. } = advanced;
        let enrollment = &mut held.enrollments[number];
        enrollment.context = state;
        self.rest(enrollment);
        let enrollment = enrollment.clone();
        for step in &entered {
            self.count(&enrollment, step, "entered");
        }
        // Facts stand in the order of the steps: what a step does is told where it is taken.
        let mut effects = effects.into_iter().filter_map(|any| any.effect).peekable();
        for line in &lines {
            self.tell_line(&enrollment, line);
            while let Some(effect) = effects.next_if(|effect| effect.step() == line.step) {
                self.effect(held, &enrollment, compiled, effect);
            }
        }
        if !ended.is_empty() {
            self.end(&mut held.enrollments[number], &ended);
        }
    }

    fn tell_line(&mut self, enrollment: &Enrollment, line: &Line) {
        if !line.skipped.is_empty() {
            self.count(enrollment, &line.step, crate::telemetry::skip_label(&line.skipped));
        }
        // The end has a fact of its own; a task too, unless it was skipped.
        if line.kind == "end" || (line.kind == "task" && line.skipped.is_empty()) {
            return;
        }
        let reason = if line.skipped.is_empty() { line.text.clone() } else { format!("skipped({})", line.skipped) };
        let taken = StepTaken { kind: line.kind.clone(), next_step: line.next.clone(), reason };
        self.tell(enrollment, &line.step, Fact::StepTaken(taken));
    }

    fn effect(&mut self, held: &Held, enrollment: &Enrollment, compiled: &Compiled, effect: Effect) {
        match effect {
            Effect::Mail(mail) => self.new_mails.push(NewMail {
                lead_id: enrollment.lead_id,
                email_hash: held.lead.email_hash.clone(),
                enrollment_id: enrollment.enrollment_id,
                journey_id: enrollment.journey_id.clone(),
                version: enrollment.version,
                step: mail.step,
                test: enrollment.test,
            }),
            Effect::Task(task) => self.task(held, enrollment, task),
            Effect::Webhook(call) => self.call(held, enrollment, compiled, call),
            Effect::Signal(signal) => self.signal(held, enrollment, signal),
        }
    }

    /// Takes over from the state when it goes on by itself.
    pub(super) fn rest(&mut self, enrollment: &mut Enrollment) {
        let us = enrollment.context.wake_at_us;
        enrollment.wake_at = (us != 0).then(|| Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX));
        enrollment.timer_attempt = 0;
        self.touch(enrollment);
    }

    fn task(&mut self, held: &Held, enrollment: &Enrollment, task: TaskEffect) {
        let due_at = Timestamp::from_microsecond(task.due_us).unwrap_or(self.setting.now);
        let fact = Task {
            rep_id: held.lead.owner_rep_id.clone(),
            text_key: task.text_key,
            due_at: Some(to_proto_time(due_at)),
        };
        self.count(enrollment, &task.step, "task");
        self.tell(enrollment, &task.step, Fact::Task(fact));
    }

    /// The call carries the lead as it is now: an endpoint that knew only an id would have to ask back.
    fn call(&mut self, held: &Held, enrollment: &Enrollment, compiled: &Compiled, call: WebhookEffect) {
        let name = format!("{}/{}/{}", call.step, call.endpoint, self.setting.now);
        let webhook_call_id = Uuid::new_v5(&enrollment.enrollment_id, name.as_bytes());
        let body = serde_json::json!({
            "type": "leadflow.nurture.step.v1",
            "timestamp": self.setting.now.to_string(),
            "data": {
                "lead_id": enrollment.lead_id,
                "enrollment_id": enrollment.enrollment_id,
                "journey": enrollment.journey_id,
                "version": compiled.version,
                "step": call.step,
                "test": enrollment.test,
                "lead": held.snapshot,
            },
        });
        self.count(enrollment, &call.step, "called");
        self.calls.push(NewCall {
            webhook_call_id,
            lead_id: enrollment.lead_id,
            enrollment_id: enrollment.enrollment_id,
            endpoint: call.endpoint,
            body: body.to_string().into_bytes(),
            queued_at: self.setting.now,
        });
    }

    fn signal(&mut self, held: &Held, enrollment: &Enrollment, signal: SignalEffect) {
        let Some(email) = held.contact.email.as_deref() else {
            self.count(enrollment, &signal.step, "skipped:no_address");
            return;
        };
        let name = format!("{}/{}/{}", signal.step, signal.name, self.setting.now);
        let mut properties = signal.properties;
        properties.insert("journey".to_owned(), enrollment.journey_id.clone());
        properties.insert("step".to_owned(), signal.step.clone());
        let act = Act {
            event_id: Uuid::new_v5(&enrollment.enrollment_id, name.as_bytes()),
            kind: EngagementKind::Custom,
            name: &signal.name,
            email,
            at: self.setting.now,
            properties,
            consent: BTreeMap::new(),
            bot_reason: "",
            test: enrollment.test,
            trace: enrollment.trace.as_deref(),
        };
        self.outbox.push(engagement::row(act, self.setting.identity_key));
        self.count(enrollment, &signal.step, "told");
    }
}
