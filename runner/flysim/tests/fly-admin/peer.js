// An independent client walks through the simulator: node peer.js BASE_URL
const assert = require('node:assert');
const Client = require('fly-admin/dist/client').default;

async function apps(fly) {
  await fly.App.createApp({ app_name: 'peer', org_slug: 'personal' });
  const { apps } = await fly.App.listApps('acme');
  assert.deepEqual(apps.map((app) => app.name), ['peer']);
  assert.equal((await fly.App.getApp('peer')).organization.slug, 'acme');
  await assert.rejects(fly.App.getApp('nobody'), /404/);
  await assert.rejects(fly.App.createApp({ app_name: 'peer', org_slug: 'acme' }), /422.*name_taken/);
}

async function machines(fly) {
  const app_name = 'peer';
  const config = { image: 'nginx', env: null };
  const { id: machine_id } = await fly.Machine.createMachine({ app_name, name: 'm', region: 'fra', config });
  const machine = { app_name, machine_id };
  assert.equal((await fly.Machine.waitMachine({ ...machine, state: 'started', timeout: '5s' })).ok, true);
  assert.equal((await fly.Machine.listMachines(app_name)).length, 1);
  assert.equal((await fly.Machine.listMachines({ app_name, region: 'iad' })).length, 0);
  await fly.Machine.stopMachine(machine);
  await fly.Machine.waitMachine({ ...machine, state: 'stopped', timeout: '5s' });
  assert.equal((await fly.Machine.startMachine(machine)).previous_state, 'stopped');
  await fly.Machine.restartMachine(machine);
  await fly.Machine.cordonMachine(machine);
  await fly.Machine.uncordonMachine(machine);
  const updated = await fly.Machine.updateMachine({ ...machine, config: { image: 'nginx:2' } });
  assert.equal((await fly.Machine.listVersions(machine))[0].version, updated.instance_id);
  await fly.Machine.signalMachine({ ...machine, signal: 'SIGHUP' });
  const lease = await fly.Machine.acquireLease({ ...machine, ttl: 60 });
  assert.equal((await fly.Machine.getLease(machine)).data.nonce, lease.data.nonce);
  await assert.rejects(fly.Machine.stopMachine(machine), /409/);
  const events = await fly.Machine.listEvents(machine);
  assert.ok(events.length > 4 && events[0].timestamp >= events[1].timestamp);
}

async function volumes(fly) {
  const app_name = 'peer';
  const volume = await fly.Volume.createVolume({ app_name, name: 'data', region: 'fra', size_gb: 1 });
  const one = { app_name, volume_id: volume.id };
  assert.equal((await fly.Volume.extendVolume({ ...one, size_gb: 2 })).volume.size_gb, 2);
  assert.deepEqual(await fly.Volume.listSnapshots(one), []);
  assert.equal((await fly.Volume.deleteVolume(one)).state, 'pending_destroy');
  assert.equal((await fly.Volume.getVolume(one)).state, 'pending_destroy');
  assert.equal((await fly.Volume.listVolumes(app_name)).length, 1);
}

async function graphql(fly) {
  const input = { appId: 'peer', type: 'v6' };
  const { allocateIpAddress } = await fly.Network.allocateIpAddress(input);
  const app = await fly.App.getAppDetailed('peer');
  assert.deepEqual(app.ipAddresses.map((ip) => ip.address), [allocateIpAddress.ipAddress.address]);
  await fly.Network.releaseIpAddress({ appId: 'peer', ip: allocateIpAddress.ipAddress.address });
  assert.deepEqual((await fly.App.getAppDetailed('peer')).ipAddresses, []);
  assert.equal((await fly.Organization.getOrganization('acme')).organization.slug, 'acme');
  assert.ok((await fly.Regions.getRegions()).platform.regions.length > 0);
  await fly.Secret.setSecrets({ appId: 'peer', secrets: [{ key: 'K', value: 'v' }] });
  await fly.Secret.unsetSecrets({ appId: 'peer', keys: ['K'] });
  await assert.rejects(fly.App.getAppDetailed('nobody'), /Could not find App/);
}

async function main(base) {
  const fly = new Client('token', { apiUrl: base, graphqlUrl: base });
  await apps(fly);
  await machines(fly);
  await volumes(fly);
  await graphql(fly);
  await fly.App.deleteApp('peer');
  await assert.rejects(fly.App.getApp('peer'), /404/);
  console.log('fly-admin: all calls are answered as it expects');
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
