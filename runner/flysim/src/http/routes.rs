//! The routes, named as the operations of the vendor's document.

use super::call::{Answer, Call, decode};
use super::{apps, certs, ips, machine_parts, machines, orgs, postgres, secrets, volumes};
use crate::graphql;
use crate::limits::Class;
use crate::refusal::{Refusal, Shape};
use crate::world::State;

type Handler = fn(&mut State, &Call) -> Result<Answer, Refusal>;

/// One route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// The `operationId` of the vendor's document.
    pub(crate) operation: &'static str,
    pub(crate) shape: Shape,
    pub(crate) class: Class,
    pub(crate) run: Handler,
}

impl Route {
    /// The identifier that its rate limit is counted by.
    pub(crate) fn limited_by<'a>(&self, call: &'a Call) -> &'a str {
        match self.class {
            Class::DeleteApp | Class::Free => "",
            Class::Listing => call.param("org_slug"),
            Class::Action | Class::ReadMachine => match call.param("machine_id") {
                "" => call.param("app_name"),
                machine => machine,
            },
        }
    }
}

/// Finds the route of a call and the segments of its path.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Route, Vec<(&'static str, String)>)> {
    ROUTES
        .iter()
        .filter(|route| route.method == method)
        .find_map(|route| Some((route, params(route.path, path)?)))
}

fn params(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut segments = path.split('/');
    let mut params = Vec::new();
    for want in pattern.split('/') {
        let got = segments.next()?;
        if let Some(name) = want.strip_prefix('{').and_then(|want| want.strip_suffix('}')) {
            params.push((name, Some(decode(got)).filter(|got| !got.is_empty())?));
        } else if want != got {
            return None;
        }
    }
    segments.next().is_none().then_some(params)
}

macro_rules! routes {
    ($($method:ident $path:literal $operation:literal $shape:ident $class:ident $run:path;)*) => {
        const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            operation: $operation,
            shape: Shape::$shape,
            class: Class::$class,
            run: $run,
        }),*];
    };
}

#[rustfmt::skip]
routes! {
    GET    "/v1/apps" "Apps_list" Message Listing apps::list;
    POST   "/v1/apps" "Apps_create" Message Listing apps::create;
    GET    "/v1/apps/{app_name}" "Apps_show" Message Action apps::show;
    DELETE "/v1/apps/{app_name}" "Apps_delete" Message DeleteApp apps::delete;
    POST   "/v1/apps/{app_name}/deploy_token" "App_create_deploy_token" Message Action apps::deploy_token;
    GET    "/v1/apps/{app_name}/certificates" "App_Certificates_list" Message Action certs::list;
    POST   "/v1/apps/{app_name}/certificates/acme" "App_Certificates_acme_create" Message Action certs::create_acme;
    POST   "/v1/apps/{app_name}/certificates/custom" "App_Certificates_custom_create" Message Action certs::create_custom;
    GET    "/v1/apps/{app_name}/certificates/{hostname}" "App_Certificates_show" Message Action certs::show;
    DELETE "/v1/apps/{app_name}/certificates/{hostname}" "App_Certificates_delete" Message Action certs::delete;
    DELETE "/v1/apps/{app_name}/certificates/{hostname}/acme" "App_Certificates_acme_delete" Message Action certs::delete_acme;
    DELETE "/v1/apps/{app_name}/certificates/{hostname}/custom" "App_Certificates_custom_delete" Message Action certs::delete_custom;
    POST   "/v1/apps/{app_name}/certificates/{hostname}/check" "App_Certificates_check" Message Action certs::check;
    GET    "/v1/apps/{app_name}/ip_assignments" "App_IPAssignments_list" Message Action ips::list;
    POST   "/v1/apps/{app_name}/ip_assignments" "App_IPAssignments_create" Message Action ips::create;
    DELETE "/v1/apps/{app_name}/ip_assignments/{ip}" "App_IPAssignments_delete" Message Action ips::delete;
    GET    "/v1/apps/{app_name}/machines" "Machines_list" Error Action machines::list;
    POST   "/v1/apps/{app_name}/machines" "Machines_create" Error Action machines::create;
    GET    "/v1/apps/{app_name}/machines/{machine_id}" "Machines_show" Error ReadMachine machines::show;
    POST   "/v1/apps/{app_name}/machines/{machine_id}" "Machines_update" Error Action machines::update;
    DELETE "/v1/apps/{app_name}/machines/{machine_id}" "Machines_delete" Error Action machines::delete;
    POST   "/v1/apps/{app_name}/machines/{machine_id}/start" "Machines_start" Error Action machines::start;
    POST   "/v1/apps/{app_name}/machines/{machine_id}/stop" "Machines_stop" Error Action machines::stop;
    POST   "/v1/apps/{app_name}/machines/{machine_id}/suspend" "Machines_suspend" Error Action machines::suspend;
    POST   "/v1/apps/{app_name}/machines/{machine_id}/restart" "Machines_restart" Error Action machines::restart;
    POST   "/v1/apps/{app_name}/machines/{machine_id}/signal" "Machines_signal" Error Action machines::signal;
    POST   "/v1/apps/{app_name}/machines/{machine_id}/cordon" "Machines_cordon" Error Action machines::cordon;
    POST   "/v1/apps/{app_name}/machines/{machine_id}/uncordon" "Machines_uncordon" Error Action machines::uncordon;
    GET    "/v1/apps/{app_name}/machines/{machine_id}/wait" "Machines_wait" Error Action machine_parts::wait;
    GET    "/v1/apps/{app_name}/machines/{machine_id}/events" "Machines_list_events" Error Action machine_parts::events;
    GET    "/v1/apps/{app_name}/machines/{machine_id}/versions" "Machines_list_versions" Error Action machine_parts::versions;
    GET    "/v1/apps/{app_name}/machines/{machine_id}/lease" "Machines_show_lease" Error Action machine_parts::show_lease;
    POST   "/v1/apps/{app_name}/machines/{machine_id}/lease" "Machines_create_lease" Error Action machine_parts::take_lease;
    DELETE "/v1/apps/{app_name}/machines/{machine_id}/lease" "Machines_release_lease" Error Action machine_parts::release_lease;
    GET    "/v1/apps/{app_name}/machines/{machine_id}/metadata" "Machines_show_metadata" Error Action machine_parts::metadata;
    PUT    "/v1/apps/{app_name}/machines/{machine_id}/metadata" "Machines_update_metadata" Error Action machine_parts::put_metadata;
    PATCH  "/v1/apps/{app_name}/machines/{machine_id}/metadata" "Machines_update_metadata" Error Action machine_parts::patch_metadata;
    GET    "/v1/apps/{app_name}/machines/{machine_id}/metadata/{key}" "Machines_get_metadata_key" Error Action machine_parts::metadata_key;
    POST   "/v1/apps/{app_name}/machines/{machine_id}/metadata/{key}" "Machines_upsert_metadata" Error Action machine_parts::set_metadata_key;
    DELETE "/v1/apps/{app_name}/machines/{machine_id}/metadata/{key}" "Machines_delete_metadata" Error Action machine_parts::delete_metadata_key;
    GET    "/v1/apps/{app_name}/secrets" "Secrets_list" Error Action secrets::list;
    POST   "/v1/apps/{app_name}/secrets" "Secrets_update" Error Action secrets::update;
    GET    "/v1/apps/{app_name}/secrets/{secret_name}" "Secret_get" Error Action secrets::show;
    POST   "/v1/apps/{app_name}/secrets/{secret_name}" "Secret_create" Error Action secrets::create;
    DELETE "/v1/apps/{app_name}/secrets/{secret_name}" "Secret_delete" Error Action secrets::delete;
    GET    "/v1/apps/{app_name}/volumes" "Volumes_list" Error Action volumes::list;
    POST   "/v1/apps/{app_name}/volumes" "Volumes_create" Error Action volumes::create;
    GET    "/v1/apps/{app_name}/volumes/{volume_id}" "Volumes_get_by_id" Error Action volumes::show;
    PUT    "/v1/apps/{app_name}/volumes/{volume_id}" "Volumes_update" Error Action volumes::update;
    DELETE "/v1/apps/{app_name}/volumes/{volume_id}" "Volume_delete" Error Action volumes::delete;
    PUT    "/v1/apps/{app_name}/volumes/{volume_id}/extend" "Volumes_extend" Error Action volumes::extend;
    GET    "/v1/apps/{app_name}/volumes/{volume_id}/snapshots" "Volumes_list_snapshots" Error Action volumes::snapshots;
    GET    "/v1/orgs/{org_slug}/machines" "Machines_org_list" Error Listing orgs::machines;
    GET    "/v1/orgs/{org_slug}/volumes" "Volumes_org_list" Error Listing orgs::volumes;
    GET    "/v1/postgres" "Postgres_list" Error Listing postgres::list;
    POST   "/v1/postgres" "Postgres_create" Error Listing postgres::create;
    GET    "/v1/postgres/{cluster_id}" "Postgres_show" Error Listing postgres::show;
    DELETE "/v1/postgres/{cluster_id}" "Postgres_delete" Error Listing postgres::delete;
    POST   "/v1/postgres/{cluster_id}/attachments" "Postgres_attach" Error Listing postgres::attach;
    GET    "/v1/postgres/{cluster_id}/users/{username}/credentials" "Postgres_user_credentials" Error Listing postgres::credentials;
    GET    "/v1/tokens/current" "CurrentToken_show" Error Free orgs::token;
    GET    "/v1/platform/regions" "Platform_regions_get" Error Free orgs::regions;
    POST   "/graphql" "graphql" Error Free graphql::run;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_words_win_over_parameters() {
        let found = |method, path| find(method, path).map(|(route, _)| route.operation);
        assert_eq!(found("POST", "/v1/apps/a/certificates/acme"), Some("App_Certificates_acme_create"));
        assert_eq!(found("GET", "/v1/apps/a/certificates/acme"), Some("App_Certificates_show"));
        assert_eq!(found("GET", "/v1/apps/"), None);
        assert_eq!(found("GET", "/v1/apps/a/machines/m/ps"), None);
    }
}
