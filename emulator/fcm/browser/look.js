// Looks at the stand-in's page with a real browser, and says step by step what
// it saw. FCM_URL is the stand-in, CHROMIUM the browser.
const { chromium } = require('playwright-core');

const at = process.env.FCM_URL;
const send = async (message) => {
  const res = await fetch(`${at}/v1/projects/demo/messages:send`, { method: 'POST', body: JSON.stringify({ message }) });
  return res.status;
};
const chat = (seq, kind, body) => ({
  token: 'phone-of-bob', android: { priority: 'high' },
  data: { group: 'team', seq: String(seq), messageUID: `UID-${seq}`, kind, title: 'The team', body },
});

(async () => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, timeout: 120000, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  try {
    const page = await browser.newPage({ viewport: { width: 360, height: 640 } });
    page.setDefaultTimeout(120000); // a busy machine is no reason to fail
    const outside = [];
    const broken = [];
    page.on('request', (r) => { if (!r.url().startsWith(at) && !r.url().startsWith('data:')) outside.push(r.url()); });
    page.on('pageerror', (e) => broken.push(String(e)));
    page.on('console', (m) => { if (m.type() === 'error') broken.push(m.text()); });
    const said = (step) => process.stdout.write(step + '\n');
    await page.goto(at + '/');
    await page.getByText('live', { exact: true }).waitFor();
    await page.getByText('No phone yet').waitFor();

    await send(chat(1, '', 'Ann: <b>Hello</b> & more'));
    const phone = page.locator('[data-token="phone-of-bob"]');
    const shown = phone.locator('ol.shown li');
    await shown.getByText('Ann: <b>Hello</b> & more').waitFor();
    said('a push appears live, as text');

    await send(chat(1, 'recall', 'Ann recalled a message'));
    await shown.getByText('Ann recalled a message').waitFor();
    if (await shown.count() !== 1) throw new Error(`the recall stands beside: ${await shown.allTextContents()}`);
    said('a recall takes its place');

    await phone.getByRole('button', { name: 'Switch off' }).click();
    await phone.getByText('offline').waitFor();
    await send(chat(2, '', 'Ann: Still there?'));
    await phone.getByText('1 waiting').waitFor();
    await phone.getByRole('button', { name: 'Switch on' }).click();
    await shown.getByText('Ann: Still there?').waitFor();
    said('a phone is switched off and on');

    await phone.getByLabel('How phone-of-bob behaves').selectOption('UNREGISTERED');
    await page.getByText('1 misbehave by themselves').waitFor({ state: 'attached' });
    const status = await send(chat(3, '', 'nobody gets this'));
    if (status !== 404) throw new Error(`a token that is unregistered on the page answers ${status}`);
    said('a token is made to misbehave');

    await page.getByText('Controls:').click();
    await page.getByLabel('Part of all sends').fill('1');
    await page.getByRole('button', { name: 'Misbehave', exact: true }).click();
    await page.getByText('All: UNAVAILABLE 1').waitFor();
    await page.getByRole('button', { name: 'Behave', exact: true }).click();
    await page.getByText('All behave.').waitFor();
    said('rates are set and taken back');

    await page.getByLabel('Token', { exact: true }).fill('phone-of-cem');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.locator('[data-token="phone-of-cem"] ol.shown').getByText('from the page').waitFor();
    said('the page sends');

    const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    if (wide) throw new Error('the page is wider than a small screen');
    const nameless = await page.evaluate(() => [...document.querySelectorAll('input,select,button')].filter((e) => !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.textContent.trim()).map((e) => e.outerHTML));
    if (nameless.length) throw new Error(`controls without a name: ${nameless}`);
    if (outside.length || broken.length) throw new Error(`asked elsewhere: ${outside}; broken: ${broken}`);
    said('it fits a small screen, every control has a name, and nothing comes from elsewhere');
    if (process.env.PICTURE) await page.screenshot({ path: process.env.PICTURE, fullPage: true });
  } finally {
    await browser.close();
  }
})().catch((e) => { console.error(e); process.exit(1); });
