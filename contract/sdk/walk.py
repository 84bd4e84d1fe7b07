"""Walks the simulated Azure with the official client libraries, as a program at Azure would use them.

What is held here is that the libraries get through: they read answers with their own models, page, poll, register
resource providers and retry by themselves. It starts the simulator, and must never be pointed at anything else.

    walk.py PROGRAM     the program azure-simulator
"""

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import urllib.request

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.devopsinfrastructure import DevOpsInfrastructureMgmtClient
from azure.mgmt.devopsinfrastructure import models as pools
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import FederatedIdentityCredential, Identity, IdentityUpdate
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient

SCOPE = "https://management.azure.com/.default"
AUDIENCE = "api://AzureADTokenExchange"
# One real second is a simulated minute: what takes a minute at Azure is waited for here.
TIME_SCALE = "60"

steps = 0


def expect(what, seen, wanted):
    """One thing that has to be so."""
    global steps
    steps += 1
    if seen != wanted:
        raise SystemExit(f"{what}: {seen!r} instead of {wanted!r}")
    print(f"  {what}")


def refused(what, kind, code, act):
    """One thing that has to be refused."""
    try:
        act()
    except kind as error:
        expect(what, error.error.code if code else None, code)
    else:
        raise SystemExit(f"{what}: was not refused")


class Simulator:
    """The simulator as a program of its own, with the lines that it prints for clients."""

    def __init__(self, program, folder):
        self.ca = os.path.join(folder, "ca.pem")
        command = [program, "--ca-file", self.ca, "--time-scale", TIME_SCALE, "--seed", "1"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.values = {}
        for line in self.process.stdout:
            if found := re.match(r"export (\w+)=(.*)", line):
                self.values[found[1]] = found[2]
            if found := re.search(r"Admin port and manual: (\S+)", line):
                self.admin = found[1]
            if found := re.search(r"subscription (\S+), group (\S+), region (\S+)", line):
                self.subscription, self.group, self.region = found.groups()
            if "client_secret=" in line:
                return
        raise SystemExit("azure-simulator: did not start")

    def change(self, path, body, method="PATCH"):
        """Asks the admin port for something."""
        request = urllib.request.Request(
            self.admin.rstrip("/") + path, json.dumps(body).encode(), {"content-type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request) as answer:
            answer.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def sign_in(simulator, tenant, secret=None):
    """A credential. Instance discovery would go to the public authority."""
    return ClientSecretCredential(
        tenant,
        simulator.values["AZURE_CLIENT_ID"],
        secret or simulator.values["AZURE_CLIENT_SECRET"],
        authority=simulator.values["AZURE_AUTHORITY_HOST"],
        disable_instance_discovery=True,
        connection_verify=simulator.ca,
    )


def walk_sign_in(simulator):
    print("sign-in")
    tenant = simulator.values["AZURE_TENANT_ID"]
    credential = sign_in(simulator, tenant)
    expect("a token comes for a secret", credential.get_token(SCOPE).token.count("."), 2)
    refused(
        "a wrong secret is refused",
        ClientAuthenticationError,
        None,
        lambda: sign_in(simulator, tenant, "wrong").get_token(SCOPE),
    )
    # The library asks for the tenant's metadata first and stops there.
    elsewhere = sign_in(simulator, "99999999-9999-4999-8999-999999999999")
    refused("an unknown tenant is refused", ClientAuthenticationError, None, lambda: elsewhere.get_token(SCOPE))
    return credential


def walk_subscriptions(simulator, client):
    print("subscriptions")
    ids = [one.subscription_id for one in client.subscriptions.list()]
    expect("the subscriptions are listed", simulator.subscription in ids, True)
    one = client.subscriptions.get(simulator.subscription)
    expect("one tells its tenant", one.tenant_id, simulator.values["AZURE_TENANT_ID"])
    tenants = [one.tenant_id for one in client.tenants.list()]
    expect("the tenants are listed", tenants, [simulator.values["AZURE_TENANT_ID"]])


def walk_registration(simulator, client, providers):
    print("registration (the library waits for ten seconds)")
    namespace = "Microsoft.ManagedIdentity"
    act = {"subscription": simulator.subscription, "namespace": namespace}
    simulator.change("/settings", {"registrationSeconds": 120})
    simulator.change("/hands/unregister", act, "POST")
    expect("it is not registered", providers.providers.get(namespace).registration_state, "NotRegistered")
    made = client.user_assigned_identities.create_or_update(
        simulator.group, "id-registered", Identity(location=simulator.region)
    )
    expect("a write registers by itself and then works", made.name, "id-registered")
    provider = providers.providers.get(namespace)
    expect("it is registered", provider.registration_state, "Registered")
    kinds = [kind.resource_type for kind in provider.resource_types]
    expect("its types are listed", "userAssignedIdentities" in kinds, True)


def walk_identities(simulator, client):
    print("identities")
    group, calls = simulator.group, client.user_assigned_identities
    made = calls.create_or_update(group, "id-sdk", Identity(location=simulator.region, tags={"team": "blue"}))
    expect("one is created", (made.name, made.tags), ("id-sdk", {"team": "blue"}))
    expect("it is usable in all regions", made.isolation_scope, "None")
    again = calls.create_or_update(group, "id-sdk", Identity(location=simulator.region))
    expect("it keeps its principal", again.principal_id, made.principal_id)
    seen = calls.get(group, "id-sdk")
    expect("it is read", (seen.client_id, seen.tenant_id), (made.client_id, simulator.values["AZURE_TENANT_ID"]))
    expect("its tags are changed", calls.update(group, "id-sdk", IdentityUpdate(tags={"a": "1"})).tags, {"a": "1"})
    simulator.change("/settings", {"pageSize": 1})
    names = [one.name for one in calls.list_by_resource_group(group)]
    expect("a list of several pages is whole", names, ["id-registered", "id-sdk"])
    everywhere = [one.name for one in calls.list_by_subscription()]
    expect("the subscription lists the same", everywhere, names)
    simulator.change("/settings", {"pageSize": 50})
    refused("an absent one is not found", ResourceNotFoundError, "ResourceNotFound", lambda: calls.get(group, "id-none"))


def walk_older_identities(simulator, client):
    print("identities, in the first stable version")
    seen = client.user_assigned_identities.get(simulator.group, "id-sdk")
    expect("one is read", seen.name, "id-sdk")
    pool_id = f"/subscriptions/{simulator.subscription}/resourceGroups/{simulator.group}"
    pool_id += "/providers/Microsoft.DevOpsInfrastructure/pools/pool-windows"
    system = client.system_assigned_identities.get_by_scope(pool_id)
    expect("a pool's own identity is read", (system.name, system.location), ("default", simulator.region))


def walk_credentials(simulator, client):
    print("federated credentials")
    group, calls = simulator.group, client.federated_identity_credentials
    for name in ["fic-a", "fic-b", "fic-c"]:
        body = FederatedIdentityCredential(issuer="https://oidc.example.com/one", subject=name, audiences=[AUDIENCE])
        made = calls.create_or_update(group, "id-sdk", name, body)
        expect(f"{name} is created", (made.subject, made.audiences), (name, [AUDIENCE]))
    body = FederatedIdentityCredential(issuer="https://oidc.example.com/two", subject="x", audiences=[AUDIENCE])
    expect("one is changed", calls.create_or_update(group, "id-sdk", "fic-a", body).issuer, body.issuer)
    expect("one is read", calls.get(group, "id-sdk", "fic-a").subject, "x")
    names = [one.name for one in calls.list(group, "id-sdk", top=2)]
    expect("a list of two pages is whole", names, ["fic-a", "fic-b", "fic-c"])
    twice = FederatedIdentityCredential(issuer=body.issuer, subject="x", audiences=[AUDIENCE])
    act = lambda: calls.create_or_update(group, "id-sdk", "fic-d", twice)
    refused("the same issuer and subject are refused", HttpResponseError, "BadRequest", act)
    for _ in range(2):
        calls.delete(group, "id-sdk", "fic-a")
    act = lambda: calls.get(group, "id-sdk", "fic-a")
    refused("one is deleted, and once more", ResourceNotFoundError, "ResourceNotFound", act)


def pool(simulator, identities=None):
    """A small pool of the organization contoso."""
    block = None
    if identities is not None:
        block = pools.ManagedServiceIdentity(
            type="UserAssigned", user_assigned_identities={one: pools.UserAssignedIdentity() for one in identities}
        )
    return pools.Pool(
        location=simulator.region,
        tags={"team": "blue"},
        identity=block,
        properties=pools.PoolProperties(
            provisioning_state="Succeeded",
            maximum_concurrency=2,
            dev_center_project_resource_id="/subscriptions/s/resourceGroups/g/providers/Microsoft.DevCenter/projects/p",
            organization_profile=pools.AzureDevOpsOrganizationProfile(
                organizations=[pools.Organization(url="https://dev.azure.com/contoso", parallelism=2)],
            ),
            agent_profile=pools.StatelessAgentProfile(),
            fabric_profile=pools.VmssFabricProfile(
                sku=pools.DevOpsAzureSku(name="Standard_D2ads_v5"),
                images=[pools.PoolImage(well_known_image_name="ubuntu-24.04/latest", buffer="*")],
                network_profile=pools.NetworkProfile(subnet_id="/subscriptions/s/subnet"),
            ),
        ),
    )


def walk_pools(simulator, client, identity):
    print("pools")
    group, calls = simulator.group, client.pools
    slow = {"creationSeconds": 60, "updateSeconds": 60, "deletionSeconds": 60, "retryAfterSeconds": 1}
    simulator.change("/settings", {"pools": slow})
    made = calls.begin_create_or_update(group, "pool-sdk", pool(simulator)).result()
    expect("one is created, by and by", made.properties.provisioning_state, "Succeeded")
    expect("its profile is of its kind", type(made.properties.organization_profile).__name__, "AzureDevOpsOrganizationProfile")
    for headers in ["location", "both"]:
        simulator.change("/settings", {"readings": {"pools": {"operationHeaders": headers}}})
        block = pools.ManagedServiceIdentity(
            type="UserAssigned", user_assigned_identities={identity.id: pools.UserAssignedIdentity()}
        )
        calls.begin_update(group, "pool-sdk", pools.PoolUpdate(identity=block, tags={"a": headers})).result()
        seen = calls.get(group, "pool-sdk")
        expect(f"it is changed, told by {headers}", seen.tags, {"a": headers})
        entry = {key.lower(): value for key, value in seen.identity.user_assigned_identities.items()}[identity.id.lower()]
        expect("the identity is attached", entry.principal_id, identity.principal_id)
    replaced = calls.begin_create_or_update(group, "pool-sdk", pool(simulator, [identity.id])).result()
    expect("it is replaced as a whole", replaced.tags, {"team": "blue"})
    simulator.change("/settings", {"pageSize": 1})
    names = sorted(one.name for one in calls.list_by_resource_group(group))
    expect("a list of several pages is whole", names, ["pool-github", "pool-linux", "pool-sdk", "pool-windows"])
    expect("the subscription lists the same", sorted(one.name for one in calls.list_by_subscription()), names)
    simulator.change("/settings", {"pageSize": 50})
    expect("its agents are listed", list(client.resource_details.list_by_pool(group, "pool-sdk")), [])
    sizes = [one.name for one in client.sku.list_by_location(simulator.region)]
    expect("sizes are listed", "Standard_D2ads_v5" in sizes, True)
    usages = list(client.subscription_usages.usages(simulator.region))
    expect("the quota is listed", usages[0].current_value, 5)
    stranger = pool(simulator)
    stranger.properties.organization_profile.organizations[0].url = "https://dev.azure.com/nobody-of-that-name"
    act = lambda: calls.begin_create_or_update(group, "pool-stranger", stranger).result()
    refused("an unknown organization fails the operation", HttpResponseError, "OrganizationNotFound", act)
    calls.begin_delete(group, "pool-sdk").result()
    act = lambda: calls.get(group, "pool-sdk")
    refused("one is deleted, by and by", ResourceNotFoundError, "ResourceNotFound", act)
    calls.begin_delete(group, "pool-sdk").result()


def walk_names(simulator, client, version):
    """The library of that version has no such question, so it is sent by hand through its pipeline."""
    print("names")
    from azure.core.rest import HttpRequest

    path = f"/subscriptions/{simulator.subscription}/providers/Microsoft.DevOpsInfrastructure/checkNameAvailability"
    for name, available in [("pool-fresh", "Available"), ("pool-linux", "Unavailable")]:
        body = {"name": name, "type": "Microsoft.DevOpsInfrastructure/pools"}
        answer = client.send_request(HttpRequest("POST", f"{path}?api-version={version}", json=body))
        expect(f"{name} is {available.lower()}", answer.json()["available"], available)


def main(program):
    # What is refused on purpose needs no warning.
    logging.getLogger("azure").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        simulator = Simulator(program, folder)
        try:
            credential = walk_sign_in(simulator)
            common = {
                "base_url": simulator.values["AZURE_RESOURCE_MANAGER_ENDPOINT"],
                "credential_scopes": [SCOPE],
                "connection_verify": simulator.ca,
            }
            subscription = simulator.subscription
            identities = ManagedServiceIdentityClient(credential, subscription, **common)
            walk_subscriptions(simulator, SubscriptionClient(credential, **common))
            walk_registration(simulator, identities, ResourceManagementClient(credential, subscription, **common))
            walk_identities(simulator, identities)
            first = ManagedServiceIdentityClient(credential, subscription, api_version="2018-11-30", **common)
            walk_older_identities(simulator, first)
            walk_credentials(simulator, identities)
            identity = identities.user_assigned_identities.get(simulator.group, "id-sdk")
            agents = DevOpsInfrastructureMgmtClient(credential, subscription, **common)
            walk_pools(simulator, agents, identity)
            walk_names(simulator, agents, "2025-09-20")
            for _ in range(2):
                identities.user_assigned_identities.delete(simulator.group, "id-sdk")
            print(f"The official client libraries got through: {steps} steps.")
        finally:
            simulator.stop()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
