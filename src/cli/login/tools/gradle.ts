// Gradle: an init script that gives every build the repository's credentials, and takes mavenCentral()'s place.
import { join } from "node:path";
import type { Around, Plan, Setting, Site, Tool } from "../tool.ts";
import { ONE_INDEX, TWO_INDEXES } from "../tool.ts";

function gradleHome({ env, home }: Around): string {
  return env.GRADLE_USER_HOME || join(home, ".gradle");
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}

/** For Gradle 4 and later: what a build writes itself (an own address, own credentials) stays. */
function script({ url, name, extra, helper, variable = "PORTCULLIS_TOKEN", around }: Site): string {
  const stored = quote(`${name}Password`);
  const fallback = helper
    ? `def call = [${quote(around.program)}, 'credential', 'token', url].execute()
    def text = new StringBuffer(), trouble = new StringBuffer()
    call.waitForProcessOutput(text, trouble)
    if (call.exitValue() != 0) throw new GradleException(trouble.toString().trim())
    return text.toString().trim()`
    : `def file = new File(gradle.gradleUserHomeDir, 'gradle.properties')
    def stored = new Properties()
    if (file.exists()) file.withInputStream { stored.load(it) }
    return stored.getProperty(${stored})`;
  return `// Written by portcullis login gradle; portcullis logout gradle removes it. No secret is in here.
def url = ${quote(url)}
def mirror = ${!extra} // mavenCentral() means this repository
def known = null
def token = {
  if (known == null) known = System.getenv(${quote(variable)}) ?: ({ ->
    ${fallback}
  })()
  return known
}
def ours = { it.url != null && (it.url.toString() + '/').startsWith(url) }
def set = { repositories ->
  repositories.withType(MavenArtifactRepository).all { repository ->
    if (mirror && repository.name ==~ /MavenRepo\\d*/) repository.url = url
    if (ours(repository)) repository.credentials { username = 'aws'; password = token() }
  }
}
if (gradle.metaClass.respondsTo(gradle, 'beforeSettings'))
  gradle.beforeSettings { settings ->
    set(settings.pluginManagement.repositories)
    set(settings.buildscript.repositories)
    if (settings.hasProperty('dependencyResolutionManagement')) set(settings.dependencyResolutionManagement.repositories)
  }
allprojects { project ->
  set(project.buildscript.repositories)
  set(project.repositories)
  project.plugins.withId('maven-publish') { project.publishing { set(repositories) } }
}
`;
}

function plan(site: Site): Plan {
  const { url, name, extra, helper, variable, token, around } = site;

  const settings: Setting[] = [
    {
      file: join(gradleHome(around), "init.d", `portcullis-${name}.gradle`),
      syntax: "whole",
      path: ["the whole file"],
      value: script(site),
    },
  ];
  if (!helper && variable === undefined) {
    const file = join(gradleHome(around), "gradle.properties");
    settings.push(
      // Also what Gradle's own credentials(PasswordCredentials) looks for in a repository of that name.
      { file, syntax: "properties", path: [`${name}Username`], value: "aws" },
      { file, syntax: "properties", path: [`${name}Password`], value: token, secret: true },
    );
  }
  const notes = [
    extra ? TWO_INDEXES : `mavenCentral() in a build means this repository now. ${ONE_INDEX}`,
    `Elsewhere, and to publish, name it without credentials: maven { url = '${url}' }`,
  ];
  if (variable !== undefined) notes.push(`Set ${variable} to a token where it runs.`);
  return { settings, notes };
}

export const gradle: Tool = {
  name: "gradle",
  format: "maven",
  takes: ["extra", "variable", "helper"],
  helperByDefault: true,
  instead: { project: "Gradle reads init scripts from its user home alone" },
  plan,
};
