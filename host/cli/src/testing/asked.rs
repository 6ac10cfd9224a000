//! What a case's few words mean as the whole records of the contract.

use menagerie_sandbox::types::{
    AgentState, ArtifactRef, Difference, Fault, GroupView, MemberResult, Outcome, PipelineState,
    View,
};
use serde_json::Value;

use super::cases::{Attachment, Case, LastFault, Member, Undoes};

impl Case {
    pub(super) fn view(&self, state: String, config: String) -> View {
        let agent = |name: &String| AgentState {
            name: name.clone(),
            status: "idle".to_owned(),
            after: Vec::new(),
            priority: 0,
            estimated_ms: None,
            skills: Vec::new(),
            completed: 0,
            failed: 0,
            skipped: 0,
            retries: 0,
            last_duration_ms: None,
            last_fault: None,
            extra: Vec::new(),
        };
        View {
            decision: 1,
            trigger: "start".to_owned(),
            state,
            config,
            agents: self.agents.iter().map(agent).collect(),
            steps: Vec::new(),
            history: Vec::new(),
            current_step: None,
            step_duration_ms: None,
            retry_count: 0,
            error_rate: 0.0,
            steps_left: 100,
            extra: Vec::new(),
        }
    }

    pub(super) fn group_view(&self, input: String, config: String) -> GroupView {
        let pipeline = |name: &String| PipelineState {
            pipeline_id: name.clone(),
            role: "member".to_owned(),
            status: "idle".to_owned(),
            progress: 0.0,
            current_step: None,
            error_count: 0,
            load: 0,
            last_update_ms: 1_700_000_000_000.0,
            output: None,
            error: None,
            extra: Vec::new(),
        };
        GroupView {
            decision: 1,
            trigger: "start".to_owned(),
            input,
            config,
            pipelines: self.pipelines.iter().map(pipeline).collect(),
            escalations: Vec::new(),
            history: Vec::new(),
            iterations_left: 100,
            extra: Vec::new(),
        }
    }

    pub(super) fn results(&self) -> Vec<MemberResult> {
        let result = |one: &Member| MemberResult {
            member: one.member.clone(),
            status: one.status.clone(),
            output: one.output.as_ref().map(Value::to_string),
            confidence: one.confidence,
            error: None,
            extra: Vec::new(),
        };
        self.members.iter().map(result).collect()
    }

    /// The members' outputs as a whole differ.
    pub(super) fn differences(&self) -> Vec<Difference> {
        let value = |one: &Member| {
            (
                one.member.clone(),
                one.output.as_ref().map(Value::to_string),
            )
        };
        vec![Difference {
            pointer: String::new(),
            values: self.members.iter().map(value).collect(),
        }]
    }
}

pub(super) fn references(attachments: &[Attachment]) -> Vec<ArtifactRef> {
    let reference = |one: &Attachment| ArtifactRef {
        id: one.id.clone(),
        media_type: one.media_type.clone(),
        digest: one.digest.clone(),
    };
    attachments.iter().map(reference).collect()
}

impl Undoes {
    pub(super) fn outcome(&self) -> Outcome {
        Outcome {
            output: self.output.to_string(),
            confidence: self.confidence,
            attachments: references(&self.attachments),
            extra: Vec::new(),
        }
    }
}

impl LastFault {
    pub(super) fn fault(&self) -> Fault {
        Fault {
            code: self.code.clone(),
            message: self.message.clone(),
            retry_after_ms: None,
            details: self.details.as_ref().map(Value::to_string),
            extra: Vec::new(),
        }
    }
}
